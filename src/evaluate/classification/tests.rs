use crate::evaluate::NoValue;

//! Digests that stand in the log for what must not: units, redacted values, identities.

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Digest;
use sha2::Sha256;

use crate::policy::Experiment;
use crate::policy::Unit;
use crate::vocab::ExperimentName;
use crate::vocab::Secret;

const UNIT_DIGITS: usize = 32;
const VALUE_DIGITS: usize = 16;
const IDENTITY_DIGITS: usize = 12;

/// The unit as records and tickets show it: hashed with the experiment's name, so that nobody can follow a user
/// from one experiment to the next, or plain where the policy asks for it.
pub fn recorded_unit(experiment: &Experiment, unit: &Unit) -> Option<String> {
    match unit {
        Unit::Named(name) if experiment.hash_unit => Some(hashed_unit(&experiment.name, name)),
        Unit::Named(name) => Some(name.clone()),
        Unit::Request | Unit::Missing => None,
    }
}

/// What stands for a unit in an experiment's records, and for every other trace of it in the request.
pub fn hashed_unit(experiment: &ExperimentName, unit: &str) -> String {
    digest(&[experiment.as_str().as_bytes(), &[0], unit.as_bytes()], UNIT_DIGITS)
}

/// Says whether a recorded unit looks like a hash. A unit that is 32 hexadecimal digits by itself does too.
pub fn looks_hashed(unit: &str) -> bool {
    unit.len() == UNIT_DIGITS && unit.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// What stands in records and tickets for all that makes evidence comparable: what the policy says, and which attempt it
/// is, for whoever begins again after a roll back wants no evidence of before.
pub fn recorded_identity(identity: &str, attempt: u32) -> String {
    let again = if attempt > 1 { format!(";attempt={attempt}") } else { String::new() };
    digest(&[identity.as_bytes(), again.as_bytes()], IDENTITY_DIGITS)
}

/// What the action `hash` makes of a value, under the policy's key if it has one.
pub(super) fn of_value(value: &[u8], key: Option<&Secret>) -> String {
    let Some(key) = key else { return digest(&[value], VALUE_DIGITS) };
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("a key of any length is taken");
    mac.update(value);
    hexadecimal(&mac.finalize().into_bytes(), VALUE_DIGITS)
}

fn digest(parts: &[&[u8]], digits: usize) -> String {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    hexadecimal(&hash, digits)
}

fn hexadecimal(hash: &[u8], digits: usize) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).take(digits).collect()
}

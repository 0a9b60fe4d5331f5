//! Rows as the arrays that Parquet is written from.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::RecordBatch;
use arrow_array::builder::ArrayBuilder;
use arrow_array::builder::BooleanBuilder;
use arrow_array::builder::Decimal128Builder;
use arrow_array::builder::Float64Builder;
use arrow_array::builder::Int32Builder;
use arrow_array::builder::Int64Builder;
use arrow_array::builder::ListBuilder;
use arrow_array::builder::StringBuilder;
use arrow_array::builder::StructBuilder;
use arrow_array::builder::TimestampMicrosecondBuilder;
use arrow_array::builder::make_builder;
use arrow_schema::ArrowError;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::Schema;
use arrow_schema::SchemaRef;
use arrow_schema::TimeUnit;

use crate::columns::Cell;
use crate::columns::Kind;
use crate::columns::Part;
use crate::columns::Row;
use crate::columns::columns;

/// The columns as Arrow knows them.
pub fn schema() -> SchemaRef {
    let fields =
        columns().iter().map(|column| Field::new(&*column.name, of_kind(column.kind), !column.always));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn of_kind(kind: Kind) -> DataType {
    match kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int32 => DataType::Int32,
        Kind::Int64 => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Moment => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Money => DataType::Decimal128(19, 12),
        Kind::List(parts) => {
            let field = |part: &Part| Field::new(part.name, of_kind(part.kind), true);
            let parts = parts.iter().map(field).collect();
            DataType::List(Arc::new(Field::new("element", DataType::Struct(parts), false)))
        }
    }
}

/// Rows that are gathered column by column.
pub(super) struct Gathered {
    schema: SchemaRef,
    builders: Vec<Box<dyn ArrayBuilder>>,
    /// How many they are.
    pub(super) rows: usize,
    /// How long their lines are.
    pub(super) bytes: usize,
}

impl Gathered {
    pub(super) fn new() -> Self {
        let schema = schema();
        let builders = schema.fields().iter().map(|field| make_builder(field.data_type(), 0)).collect();
        Self { schema, builders, rows: 0, bytes: 0 }
    }

    pub(super) fn add(&mut self, row: &Row<'_>) {
        for ((builder, column), cell) in self.builders.iter_mut().zip(columns()).zip(row.cells()) {
            append(builder.as_mut(), column.kind, &cell);
        }
        self.rows += 1;
        self.bytes += row.text.len();
    }

    /// Gives what was gathered and begins anew.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(|builder| builder.finish()).collect();
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

/// Appends a cell of a column's or part's kind; one of another kind is none.
fn append(builder: &mut dyn ArrayBuilder, kind: Kind, cell: &Cell<'_>) {
    match kind {
        Kind::Bool => of::<BooleanBuilder>(builder).append_option(if let Cell::Bool(value) = cell {
            Some(*value)
        } else {
            None
        }),
        Kind::Int32 => of::<Int32Builder>(builder).append_option(whole(cell).map(|whole| {
            let bound = if whole < 0 { i32::MIN } else { i32::MAX };
            i32::try_from(whole).unwrap_or(bound)
        })),
        Kind::Int64 => of::<Int64Builder>(builder).append_option(whole(cell)),
        Kind::Float => of::<Float64Builder>(builder).append_option(if let Cell::Float(value) = cell {
            Some(*value)
        } else {
            None
        }),
        Kind::Text => of::<StringBuilder>(builder).append_option(if let Cell::Text(value) = cell {
            Some(&**value)
        } else {
            None
        }),
        Kind::Moment => of::<TimestampMicrosecondBuilder>(builder)
            .append_option(if let Cell::Moment(value) = cell { Some(value.as_micros()) } else { None }),
        Kind::Money => of::<Decimal128Builder>(builder).append_option(if let Cell::Money(value) = cell {
            Some(value.picos().into())
        } else {
            None
        }),
        Kind::List(parts) => {
            let list = of::<ListBuilder<Box<dyn ArrayBuilder>>>(builder);
            if let Cell::List(items) = cell {
                items.iter().for_each(|item| append_item(of(list.values().as_mut()), parts, item));
            }
            list.append(matches!(cell, Cell::List(_)));
        }
    }
}

fn append_item(builder: &mut StructBuilder, parts: &[Part], item: &[Cell<'_>]) {
    for ((builder, part), cell) in builder.field_builders_mut().iter_mut().zip(parts).zip(item) {
        append(builder.as_mut(), part.kind, cell);
    }
    builder.append(true);
}

fn whole(cell: &Cell<'_>) -> Option<i64> {
    if let Cell::Int(value) = cell { Some(*value) } else { None }
}

fn of<B: ArrayBuilder>(builder: &mut dyn ArrayBuilder) -> &mut B {
    builder.as_any_mut().downcast_mut().expect("`make_builder` made it for the type that `of_kind` gives")
}

//! Parameters and cells: between text and the types that the server has told.

use std::error::Error;

use bytes::BytesMut;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A value of a request, as `i:3`: what it becomes is the parameter's type to say.
#[derive(Debug)]
pub struct Parameter(pub Option<String>);

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(field) = &self.0 else {
            return Ok(IsNull::Yes);
        };
        let text = &field[2..];
        match *ty {
            Type::BOOL => (text == "true").to_sql(ty, out),
            Type::INT4 => text.parse::<i32>()?.to_sql(ty, out),
            Type::INT8 => text.parse::<i64>()?.to_sql(ty, out),
            Type::NUMERIC => text.parse::<Decimal>()?.to_sql(ty, out),
            Type::DATE => text.parse::<NaiveDate>()?.to_sql(ty, out),
            Type::INT4_ARRAY => {
                let numbers: Result<Vec<i32>, _> = text.split(',').map(str::parse).collect();
                numbers?.to_sql(ty, out)
            }
            _ => text.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What the driver has no type for: the bytes as they came.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

pub fn cell(row: &Row, i: usize) -> Result<Value, tokio_postgres::Error> {
    Ok(match *row.columns()[i].type_() {
        Type::BOOL => json!(row.try_get::<_, Option<bool>>(i)?),
        Type::INT4 => json!(row.try_get::<_, Option<i32>>(i)?),
        Type::INT8 => json!(row.try_get::<_, Option<i64>>(i)?),
        Type::FLOAT8 => json!(row.try_get::<_, Option<f64>>(i)?),
        Type::TEXT | Type::VARCHAR | Type::NAME => json!(row.try_get::<_, Option<String>>(i)?),
        Type::NUMERIC => json!(row.try_get::<_, Option<Decimal>>(i)?.map(|made| made.to_string())),
        Type::DATE => json!(row.try_get::<_, Option<NaiveDate>>(i)?.map(|made| made.to_string())),
        Type::TIMESTAMPTZ => json!(row.try_get::<_, Option<DateTime<Utc>>>(i)?.map(|made| made.to_rfc3339())),
        Type::JSONB => json!(row.try_get::<_, Option<Value>>(i)?.map(|made| made.to_string())),
        Type::INT4_ARRAY => json!(row.try_get::<_, Option<Vec<i32>>>(i)?.map(|made| json!(made).to_string())),
        _ => json!(row.try_get::<_, Option<Raw>>(i)?.map(|made| hex(&made.0))),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

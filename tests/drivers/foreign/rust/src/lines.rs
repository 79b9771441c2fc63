//! Requests and answers, as the grammar in ../../program.py has them.

use std::io::BufRead;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::error::{DbError, ErrorPosition};

/// The fields of a line; `None` is null.
pub type Request = Vec<Option<String>>;

pub fn say(key: &str, value: Value) {
    println!("{}", json!({ key: value }));
}

/// What an ErrorResponse or a NoticeResponse says.
pub fn told(said: &DbError) -> Value {
    let position = match said.position() {
        Some(ErrorPosition::Original(place)) => *place,
        _ => 0,
    };
    json!({
        "sqlstate": said.code().code(),
        "severity": said.severity(),
        "message": said.message(),
        "detail": said.detail(),
        "hint": said.hint(),
        "position": position,
    })
}

pub fn failed(error: &tokio_postgres::Error) {
    match error.as_db_error() {
        Some(said) => say("error", told(said)),
        None => say("error", json!({ "message": error.to_string() })),
    }
}

/// Read requests until stdin ends; `cancel` is called for one that has to overtake the others.
pub fn read(requests: &UnboundedSender<Request>, cancel: impl Fn()) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        let fields: Request = line.split('\t').map(unescaped).collect();
        if fields[0].as_deref() == Some("cancel") {
            cancel();
        } else if requests.send(fields).is_err() {
            return;
        }
    }
}

fn unescaped(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut made = String::new();
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        made.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Some(made)
}

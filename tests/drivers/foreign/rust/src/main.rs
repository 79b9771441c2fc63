//! tokio-postgres, driven by lines: requests on stdin, answers as JSON on stdout. The grammar of both is in ../program.py.

mod lines;
mod values;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt, TryStreamExt, pin_mut};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Error, GenericClient, NoTls, SimpleQueryMessage, Statement};

use lines::{Request, failed, say, told};
use values::{Parameter, cell};

/// Cargo.toml's, which names it exactly.
const VERSION: &str = "0.7.18";

type Canceller = Arc<Mutex<Option<CancelToken>>>;

/// What requests of one connection share.
struct Work {
    requests: UnboundedReceiver<Request>,
    canceller: Canceller,
    simple: bool,
    prepared: Option<Statement>,
}

/// How a block, or the connection, has come to its end.
enum End {
    Commit,
    Rollback,
    Close,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (sender, requests) = unbounded_channel();
    let canceller = Canceller::default();
    let (token, handle) = (canceller.clone(), runtime.handle().clone());
    std::thread::spawn(move || {
        lines::read(&sender, || {
            if let Some(token) = token.lock().expect("no panic").clone() {
                handle.spawn(async move {
                    match token.cancel_query(NoTls).await {
                        Ok(()) => say("cancel", json!("sent")),
                        Err(error) => failed(&error),
                    }
                });
            }
        });
    });
    let mut work = Work { requests, canceller, simple: false, prepared: None };
    runtime.block_on(async {
        while let Some(request) = work.requests.recv().await {
            match open(&request, &mut work).await {
                Ok(mut client) => {
                    say("result", json!({ "driver": VERSION }));
                    serve(&mut client, &mut work).await;
                }
                Err(error) => failed(&error),
            }
        }
    });
}

async fn open(request: &Request, work: &mut Work) -> Result<Client, Error> {
    let (client, mut connection) = tokio_postgres::connect(text(request, 2), NoTls).await?;
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message {
                say("notice", told(&notice));
            }
        }
    });
    work.simple = text(request, 1) == "simple";
    work.prepared = None;
    *work.canceller.lock().expect("no panic") = Some(client.cancel_token());
    Ok(client)
}

fn text(request: &Request, i: usize) -> &str {
    request[i].as_deref().unwrap_or_default()
}

/// Do what is asked until the block, or the connection, ends. A block inside is a transaction that borrows this one.
fn serve<'a, C: GenericClient + Send>(
    client: &'a mut C,
    work: &'a mut Work,
) -> Pin<Box<dyn Future<Output = End> + 'a>> {
    Box::pin(async move {
        while let Some(request) = work.requests.recv().await {
            match text(&request, 0) {
                "commit" => return End::Commit,
                "rollback" => return End::Rollback,
                "close" => break,
                "begin" => {
                    if let Err(error) = block(client, work).await {
                        failed(&error);
                    }
                }
                _ => match perform(client, &request, work).await {
                    Ok(result) => say("result", result),
                    Err(error) => failed(&error),
                },
            }
        }
        say("result", json!({}));
        End::Close
    })
}

/// A transaction, or a savepoint inside of one, and what comes of it.
async fn block<C: GenericClient + Send>(client: &mut C, work: &mut Work) -> Result<(), Error> {
    let mut transaction = client.transaction().await?;
    say("result", json!({}));
    match serve(&mut transaction, work).await {
        End::Commit => transaction.commit().await?,
        End::Rollback | End::Close => transaction.rollback().await?,
    }
    say("result", json!({}));
    Ok(())
}

async fn perform<C: GenericClient>(client: &mut C, request: &Request, work: &mut Work) -> Result<Value, Error> {
    let parameters = |from: usize| request[from..].iter().cloned().map(Parameter).collect::<Vec<_>>();
    match text(request, 0) {
        "run" if work.simple => simple(client.client(), text(request, 1)).await,
        "run" => {
            let statement = client.client().prepare(text(request, 1)).await?;
            query(client.client(), &statement, parameters(2)).await
        }
        "prepare" => {
            work.prepared = Some(client.client().prepare(text(request, 1)).await?);
            Ok(json!({}))
        }
        "execute" => {
            let statement = work.prepared.clone().expect("prepared before");
            query(client.client(), &statement, parameters(1)).await
        }
        "batch" => {
            let statement = client.client().prepare(text(request, 1)).await?;
            let width = text(request, 2).parse().expect("a number");
            let all = parameters(3);
            // All of them are sent before the first has been answered.
            try_join_all(all.chunks(width).map(|row| client.client().execute_raw(&statement, row))).await?;
            Ok(json!({}))
        }
        "stream" => stream(client, text(request, 1), text(request, 2).parse().expect("a number")).await,
        "copyout" => {
            let data: Vec<Bytes> = client.client().copy_out(text(request, 1)).await?.try_collect().await?;
            Ok(json!({ "data": String::from_utf8_lossy(&data.concat()) }))
        }
        "copyin" => {
            let sink = client.client().copy_in(text(request, 1)).await?;
            pin_mut!(sink);
            sink.send(Bytes::from(text(request, 2).to_owned())).await?;
            Ok(json!({ "count": sink.finish().await? }))
        }
        other => panic!("no such request: {other}"),
    }
}

async fn query(client: &Client, statement: &Statement, given: Vec<Parameter>) -> Result<Value, Error> {
    let found = client.query_raw(statement, &given).await?;
    pin_mut!(found);
    let mut rows = Vec::new();
    while let Some(row) = found.next().await {
        rows.push(cells(&row?)?);
    }
    let names: Vec<_> = statement.columns().iter().map(|column| column.name()).collect();
    let types: Vec<_> = statement.columns().iter().map(|column| column.type_().oid()).collect();
    Ok(json!({ "names": names, "types": types, "rows": rows, "count": found.rows_affected() }))
}

fn cells(row: &tokio_postgres::Row) -> Result<Value, Error> {
    (0..row.len()).map(|i| cell(row, i)).collect()
}

/// A query by the simple protocol, of which this driver shows text and names, and no types.
async fn simple(client: &Client, statement: &str) -> Result<Value, Error> {
    let (mut names, mut rows, mut count) = (Vec::new(), Vec::new(), 0);
    for message in client.simple_query(statement).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                names = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect::<Vec<_>>());
            }
            SimpleQueryMessage::CommandComplete(number) => count = number,
            _ => {}
        }
    }
    let types = vec![Value::Null; names.len()];
    Ok(json!({ "names": names, "types": types, "rows": rows, "count": count }))
}

/// A portal that is suspended after every `size` rows.
async fn stream<C: GenericClient>(client: &mut C, statement: &str, size: i32) -> Result<Value, Error> {
    let transaction = client.transaction().await?;
    let portal = transaction.bind(statement, &[]).await?;
    let mut rows = Vec::new();
    loop {
        let some = transaction.query_portal(&portal, size).await?;
        if some.is_empty() {
            break;
        }
        for row in &some {
            rows.push(cells(row)?);
        }
    }
    transaction.commit().await?;
    Ok(json!({ "rows": rows }))
}

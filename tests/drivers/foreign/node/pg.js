// node-postgres, driven by lines.
'use strict';

const { Client, Query } = require('pg');
const { from, to } = require('pg-copy-streams');
const Cursor = require('pg-cursor');
const { version } = require('pg/package.json');
const { batched, cell, gather, pour, serve, told, values } = require('./lines');

let client;
let url;
let mode;
let running;
let prepared;
let names = 0;

function ask(config) {
  return new Promise((resolve, reject) => {
    running = new Query({ ...config, rowMode: 'array' }, (error, result) => (error ? reject(error) : resolve(result)));
    client.query(running);
  });
}

function shown(rows, columns) {
  return rows.map((row) => row.map((made, i) => cell(made, columns[i].dataTypeID)));
}

async function query(config) {
  const { command, fields, rows, rowCount } = await ask(config);
  return {
    names: fields.map((field) => field.name),
    types: fields.map((field) => field.dataTypeID),
    rows: shown(rows, fields),
    count: rowCount ?? 0,
    command,
  };
}

async function text(statement) {
  await client.query(statement);
}

serve({
  async open(how, where) {
    [mode, url] = [how, where];
    client = new Client({
      connectionString: url,
      enableChannelBinding: new URL(url).searchParams.get('channel_binding') === 'require',
    });
    client.on('notice', told);
    client.on('error', () => {});
    await client.connect();
    return { driver: version };
  },
  run(statement, ...given) {
    // `queryMode` has it use the extended protocol where there is no parameter, too.
    return query({ text: statement, values: values(given), queryMode: mode === 'simple' ? undefined : 'extended' });
  },
  async prepare(statement) {
    prepared = { name: `again_${++names}`, text: statement };
  },
  execute: (...given) => query({ ...prepared, values: values(given) }),
  // It has a queue: what is asked is sent when what was asked before has been answered.
  async batch(statement, width, ...given) {
    await Promise.all(batched(Number(width), given).map((row) => client.query(statement, row)));
  },
  async stream(statement, size) {
    const cursor = client.query(new Cursor(statement, [], { rowMode: 'array' }));
    const found = [];
    for (let some = await cursor.read(Number(size)); some.length; some = await cursor.read(Number(size))) {
      found.push(...shown(some, cursor._result.fields));
    }
    await cursor.close();
    return { rows: found };
  },
  begin: () => text('BEGIN'),
  commit: () => text('COMMIT'),
  rollback: () => text('ROLLBACK'),
  copyout: (statement) => gather(client.query(to(statement))),
  copyin: (statement, data) => pour(data, client.query(from(statement))),
  async cancel() {
    const second = new Client({ connectionString: url });
    const gone = new Promise((resolve) => second.connection.once('end', resolve));
    second.connection.on('error', () => {});
    second.cancel(client, running);
    await gone;
  },
  async close() {
    await client.end();
  },
});

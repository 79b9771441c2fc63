// postgres.js, driven by lines.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const postgres = require('postgres');
const { batched, cell, gather, pour, serve, told, values } = require('./lines');

// Its package.json is none of what it exports.
const manifest = path.join(path.dirname(require.resolve('postgres')), '..', '..', 'package.json');
const { version } = JSON.parse(fs.readFileSync(manifest, 'utf8'));

let sql;
let mode;
let running;
let prepared;
// Blocks, the innermost last: what statements are asked through, what ends it, and what it comes to.
let blocks;

function asked(statement, given, options) {
  running = (blocks.at(-1)?.inside ?? sql).unsafe(statement, given, options);
  return mode === 'simple' ? running.simple() : running;
}

function shown(rows, columns) {
  return [...rows].map((row) => row.map((made, i) => cell(made, columns[i].type)));
}

async function query(statement, given, options) {
  const result = await asked(statement, values(given), options).values();
  const columns = result.columns ?? [];
  return {
    names: columns.map((column) => column.name),
    types: columns.map((column) => column.type),
    rows: shown(result, columns),
    count: result.count ?? 0,
    command: result.command,
  };
}

// A block is a callback here: it waits for its end until the line that says so has come.
function begin() {
  return new Promise((begun, refused) => {
    const block = {};
    const outer = blocks.at(-1)?.inside;
    const work = async (inside) => {
      block.inside = inside;
      blocks.push(block);
      begun();
      if (!(await new Promise((resolve) => (block.end = resolve)))) throw new RolledBack();
    };
    block.ended = outer ? outer.savepoint(work) : sql.begin(work);
    block.ended.catch(refused);
  });
}

class RolledBack extends Error {}

async function finish(well) {
  const block = blocks.pop();
  block.end(well);
  try {
    await block.ended;
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
}

serve({
  async open(how, where) {
    [mode, blocks] = [how, []];
    // It takes what it does not know in a URL for settings of the server's.
    const url = new URL(where);
    const said = Object.fromEntries(url.searchParams);
    url.search = '';
    sql = postgres(url.href, {
      max: 1,
      onnotice: told,
      idle_timeout: 0,
      max_lifetime: null,
      ssl: said.sslrootcert ? { ca: fs.readFileSync(said.sslrootcert), servername: url.hostname } : false,
      sslnegotiation: said.sslnegotiation,
    });
    await sql`select 1`;
    return { driver: version };
  },
  run: (statement, ...given) => query(statement, given, { prepare: false }),
  async prepare(statement) {
    prepared = statement;
  },
  execute: (...given) => query(prepared, given, { prepare: true }),
  // Inside a block it does not wait for one answer before it asks the next.
  async batch(statement, width, ...given) {
    await Promise.all(batched(Number(width), given).map((row) => asked(statement, row, { prepare: true })));
  },
  async stream(statement, size) {
    const found = [];
    for await (const some of asked(statement, [], { prepare: false }).values().cursor(Number(size))) {
      found.push(...some.map((row) => row.map((made) => cell(made))));
    }
    return { rows: found };
  },
  begin,
  commit: () => finish(true),
  rollback: () => finish(false),
  async copyout(statement) {
    return gather(await asked(statement).readable());
  },
  async copyin(statement, data) {
    await pour(data, await asked(statement).writable());
  },
  async cancel() {
    await running.cancel();
  },
  async close() {
    await sql.end();
  },
});

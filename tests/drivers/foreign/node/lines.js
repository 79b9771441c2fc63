// What pg.js and postgres.js share: requests come as lines on stdin, answers go as lines of JSON to stdout.
// The grammar of both is in ../program.py.
'use strict';

const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const readline = require('node:readline');

const UNESCAPED = { n: '\n', r: '\r', t: '\t' };
const DATE = 1082;

function say(answer) {
  process.stdout.write(JSON.stringify(answer) + '\n');
}

function fields(line) {
  return line
    .split('\t')
    .map((field) => (field === '\\N' ? null : field.replace(/\\(.)/g, (_, letter) => UNESCAPED[letter] ?? letter)));
}

// A date and a numeric are text to these drivers.
function value(field) {
  if (field === null) return null;
  const text = field.slice(2);
  switch (field[0]) {
    case 'i':
      return Number(text);
    case 'l':
      return BigInt(text);
    case 'b':
      return text === 'true';
    case 'a':
      return text.split(',').map(Number);
    default:
      return text;
  }
}

function values(given) {
  return given.map(value);
}

function batched(width, given) {
  const all = values(given);
  return Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width));
}

// A value as the driver made it, as what can be compared.
function cell(made, type) {
  if (made === null || typeof made === 'number' || typeof made === 'boolean') return made;
  if (made instanceof Date) return type === DATE ? made.toISOString().slice(0, 10) : made.toISOString();
  if (Buffer.isBuffer(made)) return made.toString('hex');
  return typeof made === 'string' ? made : JSON.stringify(made);
}

async function gather(stream) {
  let data = '';
  for await (const chunk of stream) data += chunk.toString();
  return { data };
}

async function pour(data, stream) {
  await pipeline(Readable.from([Buffer.from(data)]), stream);
}

function told(notice) {
  const { code, message, detail, hint, severity } = notice;
  say({ notice: { sqlstate: code, severity, message, detail, hint } });
}

function failed(error) {
  const { code, message, detail, hint, severity, position } = error;
  say({ error: { sqlstate: code, severity, message, detail, hint, position } });
}

// Requests are begun as they come: `cancel` has to overtake what it cancels.
function serve(operations) {
  readline
    .createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [name, ...given] = fields(line);
      operations[name](...given).then(
        (result) => say(name === 'cancel' ? { cancel: 'sent' } : { result: result ?? {} }),
        failed,
      );
    })
    .on('close', () => process.exit(0));
}

module.exports = { batched, cell, gather, pour, serve, told, values };

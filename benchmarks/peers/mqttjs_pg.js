// Peer: MQTT.js and node-postgres, 500 rows an INSERT, into a plain table.
//
// MQTT.js acknowledges a message when the handler of its "message" event has returned: what waits in a batch, or is on
// its way to PostgreSQL, dies with the process.
'use strict';

const mqtt = require('mqtt');
const { Pool } = require('pg');

const MOST_ROWS = 500;
const FLUSH_AFTER_MS = 20;
const COLUMNS = ['bin_id', 'seq', 'material', 'items', 'badge', 'at'];

const pool = new Pool({ connectionString: process.env.PEER_DATABASE_URL });
let rows = [];
let timer = null;

function readRows(payload) {
  const text = payload.toString();
  const envelope = JSON.parse(text.slice(0, text.indexOf('\n')));
  return envelope.events.map((event) => [
    envelope.bin, event.seq, event.material, event.items, event.badge ?? null, event.at,
  ]);
}

function insertStatement(count) {
  const values = [];
  for (let row = 0; row < count; row += 1) {
    values.push(`(${COLUMNS.map((_, column) => `$${row * COLUMNS.length + column + 1}`).join(',')})`);
  }
  return `INSERT INTO plain_deposits (${COLUMNS.join(', ')}) VALUES ${values.join(',')}`;
}

const FULL_INSERT = insertStatement(MOST_ROWS);

function insert(batch) {
  const full = batch.length === MOST_ROWS;
  const query = { text: full ? FULL_INSERT : insertStatement(batch.length), values: batch.flat() };
  if (full) query.name = 'full'; // prepared once on each connection
  pool.query(query).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}

function flush() {
  clearTimeout(timer);
  timer = null;
  const waiting = rows;
  rows = [];
  for (let start = 0; start < waiting.length; start += MOST_ROWS) {
    insert(waiting.slice(start, start + MOST_ROWS));
  }
}

const client = mqtt.connect(process.env.PEER_MQTT_URL, {
  clientId: process.env.PEER_CLIENT_ID,
  clean: false,
  protocolVersion: 5,
  properties: { sessionExpiryInterval: 3600 },
});

client.on('connect', () => client.subscribe(process.env.PEER_TOPIC, { qos: 1 }));
client.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
client.on('message', (topic, payload) => {
  rows.push(...readRows(payload));
  if (rows.length >= MOST_ROWS) flush();
  else if (timer === null) timer = setTimeout(flush, FLUSH_AFTER_MS);
});

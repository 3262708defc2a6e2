// Peer: Node-RED without its editor, with the flow beside this file: mqtt in, a function that reads the message, a
// function that inserts each deposit with node-postgres, a row a commit.
//
// Its mqtt node acknowledges a message when it comes in: what is on its way through the flow dies with the process.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');
const RED = require('node-red');

const userDir = process.env.PEER_STATE;
const url = new URL(process.env.PEER_MQTT_URL);
process.env.PEER_MQTT_HOST = url.hostname;
process.env.PEER_MQTT_PORT = url.port;

function prepare() {
  const credentials = { broker: { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } };
  fs.writeFileSync(path.join(userDir, 'flow_cred.json'), JSON.stringify(credentials), { mode: 0o600 });
  fs.copyFileSync(path.join(__dirname, 'node_red_flow.json'), path.join(userDir, 'flow.json'));
  fs.writeFileSync(path.join(userDir, 'package.json'), JSON.stringify({ dependencies: { pg: '*' } }));
  const modules = path.join(userDir, 'node_modules');
  if (!fs.existsSync(modules)) fs.symlinkSync(process.env.NODE_PATH, modules);
}

prepare();
// Never told to listen: no editor, no HTTP nodes.
RED.init(http.createServer(), {
  userDir,
  flowFile: 'flow.json',
  credentialSecret: false,
  httpAdminRoot: false,
  httpNodeRoot: false,
  functionExternalModules: true,
  telemetry: { enabled: false },
  logging: { console: { level: 'warn', metrics: false, audit: false } },
});
RED.start().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

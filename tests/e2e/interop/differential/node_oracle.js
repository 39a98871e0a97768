// Reads each line's case, {"method", "upgrade", "raw"}, with Node's client, and
// answers with a line: what became of it.
'use strict';
const http = require('http');
const readline = require('readline');
const { Duplex } = require('stream');

const LARGEST_HEAD = 128 * 1024;

// A connection to a server that answers with these bytes, whatever it is asked,
// and then closes.
class Wire extends Duplex {
  constructor(raw) {
    super();
    this.raw = raw;
    this.hasEnded = false;
    this.hasAnswered = false;
  }

  _read() {}

  _write(_chunk, _encoding, done) {
    done();
    if (this.hasAnswered) return;
    this.hasAnswered = true;
    setImmediate(() => {
      if (this.raw.length > 0) this.push(this.raw);
      // By then, all of it was read.
      setImmediate(() => setImmediate(() => {
        this.hasEnded = true;
        this.push(null);
      }));
    });
  }

  _final(done) {
    done();
  }
}

function verdict({ method, upgrade, raw }) {
  return new Promise((resolve) => {
    const wire = new Wire(Buffer.from(raw, 'latin1'));
    const headers = upgrade === null ? {} : { connection: 'upgrade', upgrade };
    const request = http.request({
      method,
      headers,
      host: 'a.test',
      path: method === 'CONNECT' ? 'a.test:80' : '/',
      maxHeaderSize: LARGEST_HEAD,
      createConnection: () => wire,
    });
    const handedOver = (response, socket) => {
      resolve({ status: response.statusCode, body: '', at_close: wire.hasEnded });
      socket.destroy();
    };
    let response = null;
    const failed = (error) => {
      if (response !== null && response.complete) return;
      const status = response === null ? null : response.statusCode;
      resolve({ status, error: `${error.code} ${error.message}` });
    };
    request.on('upgrade', handedOver);
    request.on('connect', handedOver);
    request.on('error', failed);
    request.on('close', () => setImmediate(() => failed({ code: 'closed', message: '' })));
    request.on('response', (received) => {
      response = received;
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', failed);
      response.on('end', () => {
        const body = Buffer.concat(pieces).toString('latin1');
        resolve({ status: response.statusCode, body, at_close: wire.hasEnded });
      });
    });
    request.end();
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = await verdict(JSON.parse(line));
    if (!process.stdout.write(`${JSON.stringify(answer)}\n`)) {
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
}

main();

import { createServer } from 'node:http';

const who = process.env.WHO ?? 'nobody';
createServer((_, response) => {
  response.end(`Hello from ${who}\n`);
}).listen(8080, () => console.log(`${who} listens`));

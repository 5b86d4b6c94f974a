// What the attacker serves: empty pages, redirects, and a decoy: a service without a guard, which shows that an attack arrives.
"use strict";

const http = require("node:http");

const bodyOf = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);

  return Buffer.concat(parts).toString();
};

const html = (answer, body) => answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><meta charset="utf-8"><title>page</title>${body}`);

// `/redirect?to=…` sends a call on as it is; every other path is an empty page.
function pages(request, answer) {
  const { pathname, searchParams } = new URL(request.url, "http://attacker");
  if (pathname === "/redirect") answer.writeHead(307, { location: searchParams.get("to") }).end();
  else html(answer, "");
}

// Notes each call, and answers with what the query's `html` says, as a page.
function decoy(hits) {
  return async (request, answer) => {
    const { pathname, searchParams } = new URL(request.url, "http://decoy");
    hits.push({ method: request.method, path: pathname, type: request.headers["content-type"], body: await bodyOf(request) });
    html(answer, searchParams.get("html") ?? "");
  };
}

const listen = (port, answers) => new Promise((go, stop) => {
  const server = http.createServer(answers).on("error", stop);
  server.listen(port, "127.0.0.1", () => go(server));
});

// Listens at `port` for pages and at the next one for the decoy.
async function attacker(port) {
  const hits = [];
  const servers = [await listen(port, pages), await listen(port + 1, decoy(hits))];

  return {
    hits,
    close: () => servers.forEach((server) => {
      server.close();
      server.closeAllConnections();
    }),
  };
}

module.exports = { attacker };

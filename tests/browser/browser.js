// The browser: Debian's Chromium without a window. It finds the names under `.example` on this machine, and no others.
"use strict";

const { chromium } = require("playwright-core");

const args = [
  "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE 0.0.0.0",
  // What the service does by itself is tested, not what a newer browser would forbid before.
  "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
];
// Chromium's sandbox cannot be set up by root.
if (process.getuid() === 0) args.push("--no-sandbox");

const launch = () => chromium.launch({ executablePath: process.env.ICEFRONT_CHROMIUM, args });

// A visitor: a browser with no memory of other visitors. Notes what its pages ask for, what is answered, and what runs that should not.
async function visitor(browser) {
  const context = await browser.newContext();
  const seen = { requests: [], answers: [], failures: [], dialogs: [], violations: [] };
  context.setDefaultTimeout(30_000);
  context.on("request", (request) => seen.requests.push({ method: request.method(), url: request.url() }));
  context.on("response", (answer) => seen.answers.push({ method: answer.request().method(), url: answer.url(), status: answer.status() }));
  context.on("requestfailed", (request) => seen.failures.push({ method: request.method(), url: request.url(), why: request.failure()?.errorText }));
  context.on("console", (message) => {
    if (message.text().startsWith("violation: ")) seen.violations.push(message.text());
  });
  context.on("dialog", (dialog) => {
    seen.dialogs.push(dialog.message());
    dialog.dismiss().catch(() => {});
  });
  await context.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) => console.log(`violation: ${event.effectiveDirective} ${event.blockedURI}`)),
  );

  // Chromium may never close a page that shows an answer in the place of the page that asked: it is ended at last.
  const close = () => Promise.race([context.close(), new Promise((go) => setTimeout(go, 3000))]);

  return { context, seen, close };
}

// The answers to calls of a page as the network had them: also those that CORS keeps from the page.
async function answersWithheld(context, page) {
  const answers = [];
  const calls = new Map();
  const session = await context.newCDPSession(page);
  session.on("Network.requestWillBeSent", ({ requestId, request }) => calls.set(requestId, request));
  session.on("Network.responseReceivedExtraInfo", ({ requestId, statusCode }) => {
    // A call keeps its id over redirects.
    if (statusCode < 300 || statusCode > 399) answers.push({ requestId, status: statusCode });
  });
  await session.send("Network.enable");

  // Chromium may tell of an answer before it tells of the call.
  return () => answers.map(({ requestId, status }) => ({ ...calls.get(requestId), status }));
}

// Waits until `is` gives something, `most` milliseconds at most.
async function until(is, most = 2000) {
  const end = Date.now() + most;
  for (;;) {
    const found = await is();
    if (found || Date.now() > end) return found;
    await new Promise((go) => setTimeout(go, 20));
  }
}

module.exports = { answersWithheld, launch, until, visitor };

// Tries each claim in a browser of its own memory, and looks whether the service did anything.
"use strict";

const assert = require("node:assert/strict");

const { attacker } = require("./attacker");
const { launch, visitor } = require("./browser");
const { Places } = require("./places");

const subjects = ["forged", "everywhere", "names", "frames", "reading", "origins", "docs", "scripts"];
const wanted = new RegExp(process.env.ICEFRONT_CLAIMS ?? "");

// Says how `claim` ends: what is wrong, or nothing.
async function attempt(claim, browser, places) {
  const visit = await visitor(browser);
  try {
    const before = await places.state();
    await claim.holds({ ...visit, places, browser });
    assert.deepEqual(await places.state(), before, "the service did something");
  } catch (fault) {
    return fault;
  } finally {
    await visit.close();
  }
}

async function main() {
  const places = new Places(Number(process.env.ICEFRONT_BROWSER_PORT), process.env.ICEFRONT_TOKEN);
  const servers = await attacker(places.attackerPort);
  places.hits = servers.hits;
  const browser = await launch();
  const claims = subjects.flatMap((subject) => require(`./claims/${subject}`)).filter(({ name }) => wanted.test(name));
  let failed = 0;
  for (const claim of claims) {
    const fault = await attempt(claim, browser, places);
    if (fault) failed += 1;
    console.log(`${fault ? "FAILED" : "ok    "} ${claim.name}`);
    if (fault) console.log(String(fault.stack ?? fault).replace(/^/gm, "       "));
  }
  await browser.close();
  servers.close();
  console.log(`\n${claims.length - failed} passed, ${failed} failed`);
  process.exitCode = failed || !claims.length ? 1 : 0;
}

main().catch((fault) => {
  console.error(fault);
  process.exit(1);
});

// The service in a frame or a window of another page.
"use strict";

const assert = require("node:assert/strict");

// The address that a frame of the page ends at. The browser may tell of an error page a moment after its load.
async function framed(page, to) {
  const frame = await page.evaluateHandle((to) => new Promise((go) => {
    const made = document.body.appendChild(document.createElement("iframe"));
    made.onload = () => go(made);
    made.src = to;
  }), to);
  const content = await frame.asElement().contentFrame();
  await page.waitForTimeout(500);

  return content.url();
}

module.exports = [
  {
    name: "no page of the service is shown in a frame",
    async holds({ context, places }) {
      const page = await context.newPage();
      for (const origin of places.origins) {
        await page.goto(origin);
        assert.equal(await framed(page, `${places.decoy}/`), `${places.decoy}/`);
        for (const path of ["/", "/docs/", "/v1/runs", "/openapi.json"]) {
          assert.match(await framed(page, places.open + path), /^chrome-error:/, path);
        }
      }
    },
  },
  {
    name: "a window that a foreign page opens is closed to that page",
    async holds({ context, places }) {
      const page = await context.newPage();
      await page.goto(places.evil);
      for (const path of ["/", "/docs/", "/v1/tables/shop.orders/rows"]) {
        const opens = context.waitForEvent("page");
        await page.evaluate((to) => void (window.opened = window.open(to)), places.open + path);
        await (await opens).waitForLoadState();
        const seen = await page.evaluate(() => {
          const tries = { document: () => opened.document.body.innerText, href: () => opened.location.href, name: () => opened.name };

          return Object.keys(tries).filter((one) => {
            try {
              return tries[one]() !== undefined;
            } catch {
              return false;
            }
          });
        });
        assert.deepEqual(seen, [], path);
      }
    },
  },
];

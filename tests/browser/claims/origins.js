// `http.cors_origins`: the service `keyed` lists the origin of one page.
"use strict";

const assert = require("node:assert/strict");

const list = "/v1/tables/shop.orders/rows";

const read = ([to, options]) => fetch(to, options).then(async (answer) => ({ status: answer.status, text: await answer.text() }), () => ({ status: "stopped" }));

async function reads(context, origin, to, options) {
  const page = await context.newPage();
  await page.goto(origin);
  const answer = await page.evaluate(read, [to, options]);
  await page.close();

  return answer;
}

module.exports = [
  {
    name: "a listed origin reads rows with a key, and without one it is told that it needs one",
    async holds({ context, places }) {
      const headers = { authorization: `Bearer ${places.key}` };
      const known = await reads(context, places.friend, places.keyed + list, { headers });
      assert.equal(known.status, 200);
      assert.match(known.text, /order_id/);
      assert.equal((await reads(context, places.friend, places.keyed + list, {})).status, 401);
    },
  },
  {
    name: "an origin that is not listed reads nothing, even with a key, a like name or another port",
    async holds({ context, places }) {
      const headers = { authorization: `Bearer ${places.key}` };
      const like = ["friend.example.evil.example", "notfriend.example", "evil.example", "localhost", "127.0.0.1"].map((host) => places.page(host));
      for (const origin of [...like, places.friend.replace(/\d+$/, places.port + 5)]) {
        for (const options of [{ headers }, {}]) {
          assert.deepEqual(await reads(context, origin, places.keyed + list, options), { status: "stopped" }, origin);
        }
      }
    },
  },
  {
    name: "a page without an origin reads nothing",
    async holds({ context, places }) {
      const page = await context.newPage();
      await page.goto(places.friend);
      const told = await page.evaluate((to) => new Promise((go) => {
        addEventListener("message", ({ data, origin }) => go({ data, origin }));
        const frame = document.body.appendChild(document.createElement("iframe"));
        frame.sandbox = "allow-scripts";
        frame.srcdoc = `<script>fetch("${to}").then(() => "read", () => "stopped").then((said) => parent.postMessage(said, "*"))</script>`;
      }), places.keyed + list);
      assert.deepEqual(told, { data: "stopped", origin: "null" });
    },
  },
  {
    name: "a listed origin reads nothing by a password that the browser remembers",
    async holds({ context, places }) {
      const own = await context.newPage();
      const to = places.team + list;
      await own.goto(to.replace("://", `://browser:${places.key}@`));
      assert.equal((await own.goto(to)).status(), 200, "the browser does not remember the password");
      assert.deepEqual(await reads(context, places.friend, to, { credentials: "include" }), { status: "stopped" });
      assert.equal((await reads(context, places.friend, to, { credentials: "omit" })).status, 401);
    },
  },
];

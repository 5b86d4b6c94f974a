// Swagger UI as a person uses it: opens an operation, fills it in, executes it.
"use strict";

// Opens `/docs` of a service, once it shows its operations.
async function openDocs(context, service, query = "") {
  const page = await context.newPage();
  await page.goto(`${service}/docs/${query}`);
  await page.waitForSelector(".opblock-tag");

  return page;
}

async function authorize(page, key) {
  await page.click("button.authorize");
  await page.fill("#auth-bearer-value", key);
  await page.locator(".auth-container").filter({ has: page.locator("#auth-bearer-value") }).locator("button.authorize").click();
  await page.click(".modal-ux .close-modal");
}

// The rows of a table, with nothing of the examples that `/docs` fills in.
const rowsOf = (table) => ({ table, key: "{}", as_of: "", loaded_as_of: "" });

// Executes operation `id` of the group `tag`, and gives what the page shows of the answer.
async function execute(page, tag, id, values = {}) {
  const block = page.locator(`#operations-${tag}-${id}`);
  const opener = block.locator(".opblock-summary-control");
  if ((await opener.getAttribute("aria-expanded")) !== "true") await opener.click();
  await block.locator("button.execute").waitFor();
  for (const [name, value] of Object.entries(values)) {
    await block.locator(`tr[data-param-name="${name}"]`).locator("input, textarea").fill(value);
  }
  await block.locator("button.execute").click();
  await block.locator(".live-responses-table .response-col_status").first().waitFor();
  const answer = block.locator(".live-responses-table tbody tr.response").first();

  return { status: (await answer.locator(".response-col_status").innerText()).trim(), text: await answer.innerText() };
}

module.exports = { authorize, execute, openDocs, rowsOf };

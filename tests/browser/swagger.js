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
  // Basic and Bearer each have a form; a key goes into the one without a user's name.
  const bearer = page.locator(".auth-container form, .auth-container").filter({ hasText: "bearer" }).last();
  await bearer.locator("input").first().fill(key);
  await bearer.locator("button.authorize").click();
  await page.click(".modal-ux .close-modal");
}

// Executes operation `id` of the group `tag`, and gives what the page shows of the answer.
async function execute(page, tag, id, values = {}) {
  const block = page.locator(`#operations-${tag}-${id}`);
  await block.locator(".opblock-summary-control").click();
  for (const [name, value] of Object.entries(values)) {
    await block.locator(`tr[data-param-name="${name}"] input`).fill(value);
  }
  await block.locator("button.execute").click();
  await block.locator(".live-responses-table .response-col_status").first().waitFor();
  const answer = block.locator(".live-responses-table tbody tr.response").first();

  return { status: (await answer.locator(".response-col_status").innerText()).trim(), text: await answer.innerText() };
}

module.exports = { authorize, execute, openDocs };

// Where everything is: the two services by their names, the attacker's pages, the decoy; and what the services hold.
"use strict";

class Places {
  constructor(port, key) {
    this.key = key;
    this.port = port;
    this.attackerPort = port + 4;
    this.open = `http://127.0.0.1:${port}`;
    this.keyed = `http://127.0.0.1:${port + 2}`;
    // The same by a name of a network: there a browser does not say which site a call comes from, and is asked for a password.
    this.team = `http://team.example:${port + 2}`;
    this.decoy = `http://127.0.0.1:${port + 5}`;
    this.services = [this.open, this.keyed, this.team];
    // Another site, and pages of the same site as the service, whose ports differ.
    this.evil = this.page("evil.example");
    this.origins = [this.evil, this.page("localhost"), this.page("127.0.0.1"), this.page("team.example")];
    // The one that the service `keyed` lists.
    this.friend = this.page("friend.example");
  }

  page(host) {
    return `http://${host}:${this.attackerPort}`;
  }

  // Calls the service as its owner does: no browser, with the key.
  async ask(path, method = "GET") {
    const answer = await fetch(this.keyed + path, { method, headers: { authorization: `Bearer ${this.key}` } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);

    return answer.json();
  }

  // All that an attack could change: runs, pauses, consumers, models, the snapshots of a table.
  async state() {
    const [runs, pipelines, consumers, models, orders, leftovers] = await Promise.all(
      ["runs", "pipelines", "consumers", "models", "tables/shop.orders", "leftovers"].map((of) => this.ask(`/v1/${of}`)),
    );

    return {
      runs: runs.data.map(({ id, state }) => `${id} ${state}`),
      pipelines: pipelines.data.map(({ name, paused }) => ({ name, paused })),
      consumers: consumers.data.map(({ name, cursor }) => ({ name, cursor })),
      models: models.data.map(({ name, suspended, snapshot_id }) => ({ name, suspended, snapshot_id })),
      orders: orders.stored_tables.map(({ trino_table, snapshot_id, rows }) => ({ trino_table, snapshot_id, rows })),
      leftovers: leftovers.data.map(({ name }) => name),
    };
  }
}

module.exports = { Places };

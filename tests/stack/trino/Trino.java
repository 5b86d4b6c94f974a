// Starts the engine: the published parts of Trino have no main class.
void main() {
    new io.trino.server.Server().start("483");
}

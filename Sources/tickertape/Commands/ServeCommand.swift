/// `tickertape serve`: the local gateway with its functions.
struct ServeCommand: Command {
  static let syntax = CommandSyntax(
    name: "serve", summary: "Start the local gateway and the functions behind it.",
    options: [
      .value("port", value: "N", help: "Where the gateway listens, on 127.0.0.1; 0 takes any free one. Default 8000."),
      .value("stage", value: "NAME", help: "The stage, the first part of every path. Default dev."),
      ChosenTable.option,
      .value(
        "function", value: "NAME=PATH", help: "A function and its executable (a Lambda bootstrap).", isRepeatable: true),
      .value("route", value: "KEY=NAME", help: "A route key and the function it goes to.", isRepeatable: true),
      .value(
        "route-selection", value: "EXPRESSION", help: "Where a frame holds its route key. Default $request.body.action."
      ),
      .value(
        "route-response", value: "KEY",
        help: "A route whose function's answer goes back to the client. Default $default.",
        isRepeatable: true),
      .value(
        "http-function", value: "NAME=PATHS",
        help: "Paths that go to a function over HTTP: /PATH, /PATH/*, or * for all others. Default StreamHandler=*.",
        isRepeatable: true),
      .value(
        "http-front", value: "FRONT",
        help: "What stands before them: url (a function URL that streams), rest (a REST API that streams), "
          + "buffered (an HTTP API). Default url."),
      .value(
        "http-idle", value: "SECONDS",
        help: "Silence after which a stream is cut; 0: never. Default: url 0, rest 300; 30 as an edge-optimised API."),
      .value(
        "concurrency", value: "NAME=N", help: "Invocations of one environment at a time. Default StreamHandler=256.",
        isRepeatable: true),
      .value(
        "reserved", value: "NAME=N", help: "Invocations of a function at a time; those beyond are throttled.",
        isRepeatable: true),
      .value(
        "timeout", value: "NAME=SECONDS", help: "A function's time, at most 900. Default 30, over HTTP 900.",
        isRepeatable: true),
      .value(
        "stream-rate", value: "BYTES",
        help: "Bytes a second of a streamed answer after its first 6 MB; 0: no bound. Default 2097152, as Lambda."),
      .value("env", value: "NAME=VALUE", help: "A variable for the functions, as ACCESS=open.", isRepeatable: true),
      .value("echo", value: "PORT", help: "Also a plain WebSocket echo server, without API Gateway's limits."),
      .value(
        "allow-origin", value: "ORIGIN", help: "An origin whose pages may connect, as http://localhost:3000.",
        isRepeatable: true),
      .value(
        "pages", value: "[/PATH=]FOLDER", help: "A folder whose files are served at / or below /PATH.",
        isRepeatable: true),
      .value(
        "connect-source", value: "ORIGIN",
        help: "Whom the page may talk to beside its own address, as wss://api.example.com.", isRepeatable: true),
      .value("about", value: "TEXT", help: "What the page says that it shows."),
      .value(
        "idle-timeout", value: "SECONDS",
        help: "Silence after which a connection is closed. Default 600, as API Gateway."),
      .value(
        "maximum-duration", value: "SECONDS", help: "Age at which a connection is closed. Default 7200, as API Gateway."
      ),
      .value("clock", value: "N", help: "Silence and age of connections pass N times faster, 1 to 10000. Default 1."),
      .value(
        "sweep", value: "SECONDS", help: "How often Publisher is told to send what was left; 0: never. Default 60."),
      .value("faults", value: "FILE", help: "What is to go wrong on purpose, as JSON; Docs/faults.md says how."),
      .value("environments", value: "N", help: "The most environments a function has at once. Default 10."),
      .value("log-level", value: "LEVEL", help: "trace, debug, info, warn, error or fatal. Default info."),
      .value("config", value: "PATH", help: "A file of settings. Default tickertape.json, if it is there."),
    ],
    details: [
      "Without options the project's own functions run: ConnectHandler, DisconnectHandler, DefaultHandler and "
        + "Publisher, from the directory of this tool. They find the table in CONNECTION_STORE, the gateway in "
        + "API_GATEWAY_ENDPOINT, the stage in STAGE. Clients "
        + "need a key ('tickertape keys create') or a token, unless ACCESS=open is set (for serve, or by --env); "
        + "the variables that say who may connect (ACCESS, JWT_SECRET, …) are handed on.",
      "With --store dynamodb:TABLE the functions call the table as this tool would: region, credentials, profile and "
        + "endpoint of AWS (AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB, …) are handed on to "
        + "them too; with a file they are not.",
      "tickertape.json holds the same settings by the same names; repeatable ones are objects "
        + "({\"function\": {\"Chat\": \"build/Chat\"}}) or arrays. The command line wins. Paths of functions in it, "
        + "and of the files that EVENT_TYPES_FILE and STREAM_ROUTES_FILE in its env name, start from the file's "
        + "directory.",
      "Ctrl-C stops the gateway and every function it started, and is no failure: the exit code is 0. A second Ctrl-C "
        + "ends everything at once.",
    ],
    examples: [
      "ACCESS=open tickertape serve", "tickertape serve --port 8080 --function Chat=build/Chat --route '$default=Chat'",
    ])

  private let arguments: Arguments

  init(_ arguments: Arguments) throws(CommandFailure) { self.arguments = arguments }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    try ServeRun(settings: try ServeSettings(arguments, in: context), in: context).run()
  }
}

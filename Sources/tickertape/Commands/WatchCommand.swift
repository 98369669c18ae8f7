import StreamClient

/// `tickertape watch`: connects as a client, subscribes, and prints what comes.
struct WatchCommand: Command {
  static let syntax = CommandSyntax(
    name: "watch", summary: "Connect to a WebSocket, subscribe, and print the frames that come.",
    operands: "[URL]", maximumOperands: 1,
    options: [
      .value(
        "subscribe", value: "TYPE", help: "An event type to subscribe to; several with commas.", isRepeatable: true),
      .value(
        "key", value: "KEY", help: "Only these keys; several with commas, a trailing * stands for any ending.",
        isRepeatable: true),
      .value(
        "header", value: "NAME: VALUE", help: "A header for the handshake, as 'Authorization: Bearer …'.",
        isRepeatable: true),
      .value(
        "send", value: "FRAME",
        help: "Send this text once, when what is subscribed to is followed; what a route answers is printed.",
        isRepeatable: true),
      .value("count", value: "N", help: "End after N events; with --send an answer counts too."),
      .value(
        "for", value: "SECONDS", help: "End after so many seconds; with --count, exit code 1 if fewer events came."),
      .value("cursor", value: "FILE", help: "Keep the position in FILE, and go on there in the next run."),
      .flag(
        "json",
        help:
          "Print JSON, one text a line: events and other frames as they come, {\"type\":\"gap\",…} for what is missed."),
      .flag("no-hello", help: "Send subscribe instead of hello, for a server that does not know hello."),
      .flag("no-reconnect", help: "End when the connection ends."),
    ] + Signing.handshakeOptions,
    details: [
      "URL begins with ws:// or wss://. Default ws://127.0.0.1:8000/dev?userId=u-1. A connection that breaks is opened "
        + "again, at once if it had lived, else after a pause that doubles each time and is drawn by lot; the first one must "
        + "work. What was missed meanwhile is shown then, each event once and in order within its stream, or a gap is told.",
      "With --cursor that holds for the next run too. The file is kept up to date within a second: after kill -9 or a "
        + "crash the next run shows the events of the last second before it again, each with the seq it had, and "
        + "everything else once.",
    ],
    examples: [
      "tickertape watch 'ws://127.0.0.1:8000/dev?userId=u-1' --subscribe price:update --key AAPL,MSFT",
      "tickertape watch --subscribe price:update --count 10 --json",
      #"tickertape watch --send '{"action":"echo","text":"hello"}' --count 1"#,
    ])

  private let url: String
  private let options: Watch.Options

  init(_ arguments: Arguments) throws(CommandFailure) {
    url = arguments.operands.first ?? "ws://127.0.0.1:8000/dev?userId=u-1"
    var options = Watch.Options()
    options.following.eventTypes = arguments.list("subscribe")
    options.following.keys = arguments.list("key")
    guard options.following.keys.isEmpty || !options.following.eventTypes.isEmpty else {
      throw CommandFailure(code: .usage, message: "--key narrows a subscription: give --subscribe TYPE too")
    }
    options.sends = arguments.values("send")
    options.headers = try Self.headers(arguments.values("header"))
    options.count = try arguments.integer("count", in: 1...Int.max)
    options.milliseconds = try arguments.positiveNumber("for").map { Int64($0 * 1000) }
    options.asJSON = arguments.has("json")
    options.following.saysHello = !arguments.has("no-hello")
    options.reconnects = !arguments.has("no-reconnect")
    options.cursorFile = arguments.value("cursor").map(CursorFile.init)
    guard options.cursorFile == nil || options.following.saysHello else {
      throw CommandFailure(code: .usage, message: "--cursor needs hello: a position cannot be told without it")
    }
    options.signing = Signing(ofHandshakes: arguments)
    self.options = options
  }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    var watch = try Watch(url, options: options, context: context)
    return try watch.run()
  }

  private static func headers(_ texts: [String]) throws(CommandFailure) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    for text in texts {
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].utf8.allSatisfy(WordByte.isOne),
        parts[1].utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { throw CommandFailure(code: .usage, message: "--header takes 'NAME: VALUE', not '\(text)'") }
      headers.append((String(parts[0]), String(parts[1].drop { $0 == " " })))
    }
    return headers
  }
}

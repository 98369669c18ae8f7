/// What `serve` says when it has started: what listens where, and the lines to type next.
struct ServeGreeting {
  let settings: ServeSettings
  /// As the functions are told.
  let store: String
  let port: Int
  let echoPort: Int?
  let functions: [String]
  let access: String?
  /// How this tool was called.
  let program: String

  private static let sampleData = "Data/sp500-daily-2018-01-02_2018-02-07.csv"

  func lines(terminal: Terminal) -> [ScreenText] {
    let title = terminal.paint("Tickertape serves stage \(settings.stage) on 127.0.0.1:\(port).", colour: .bold)
    var lines: [ScreenText] = ["\(title) Ctrl-C stops it."]
    lines += addresses.map { "  \(terminal.paint("\($0)", colour: .dim))\($1)" }
    if settings.functions["ConnectHandler"] != nil { lines.append(accessLine(terminal: terminal)) }
    lines += ["Next, in another terminal:"] + nextCommands.map { "  \(terminal.paint("\($0)", colour: .cyan))" }
    return lines
  }

  private var addresses: [(String, String)] {
    var addresses = [
      ("clients    ", client),
      ("functions  ", "\(endpoint)/2015-03-31/functions/NAME/invocations"),
      ("           ", functions.isEmpty ? "none" : functions.joined(separator: ", ")),
      ("posts      ", "\(endpoint)/\(settings.stage)/@connections/ID"),
      ("web pages  ", pages),
      ("table      ", store),
    ]
    if !settings.pages.isEmpty { addresses.insert(("page       ", "\(endpoint)/"), at: 0) }
    if let echoPort { addresses.append(("echo       ", "ws://127.0.0.1:\(echoPort)/")) }
    return addresses
  }

  private var pages: String {
    settings.allowedOrigins.isEmpty
      ? "of this address only; --allow-origin http://localhost:3000 lets in those of another"
      : "of this address, and \(settings.allowedOrigins.joined(separator: ", "))"
  }

  private var endpoint: String { "http://127.0.0.1:\(port)" }
  private var client: String { "ws://127.0.0.1:\(port)/\(settings.stage)?userId=u-1" }

  private func accessLine(terminal: Terminal) -> ScreenText {
    switch access {
    case "open":
      "ACCESS=open: everybody on this machine may connect, as whoever they say; ACCESS=required asks for keys."
    case nil, "required":
      terminal.paint("Clients need a key or a token. ", colour: .yellow)
        + "'\(program) keys create --store \(store) --user u-1 --role admin' makes a key; "
        + "ACCESS=open \(program) serve lets in everybody on this machine."
    case let mode?: "ACCESS=\(mode)"
    }
  }

  /// As they can be pasted.
  private var nextCommands: [String] {
    let target = port == 8000 ? "" : " --endpoint \(endpoint)"
    var commands = ["\(program) watch '\(client)' --subscribe price:update"]
    guard functions.contains("Publisher") else { return commands }
    commands.append(#"\#(program) publish price:update --key AAPL --data '{"price":152.50}'"# + target)
    if System.exists(path: Self.sampleData) {
      commands.append("\(program) feed \(Self.sampleData) --rate 50 --key symbol\(target)")
    }
    return commands
  }
}

import Access
import Telemetry

/// `tickertape keys`: makes, lists and revokes the keys that clients connect with.
struct KeysCommand: Command {
  static let syntax = CommandSyntax(
    name: "keys", summary: "Create, list and revoke the keys that clients connect with.",
    operands: "create | list | revoke KEY | audit", maximumOperands: 2,
    options: [
      .value("user", value: "USER", help: "create: whose connections the key opens."),
      .value("role", value: "ROLE", help: "create: admin, analyst, approver or viewer. Default viewer."),
      .value("group", value: "GROUP", help: "create: a group the user is in; several with commas.", isRepeatable: true),
      .value(
        "expires", value: "WHEN",
        help: "create: after 90d, 12h or 30m, at the end of 2027-01-31, or never. Default never."),
      .value("label", value: "TEXT", help: "create: what the key is for, for your own list."),
      ChosenTable.option,
      .flag("json", help: "Print JSON: one object, of list an array, of audit an object a line."),
    ],
    details: [
      "The key itself is printed once, by create; the table holds only its hash. revoke takes the id that list shows, the "
        + "beginning of one (8 characters at least), or a key itself. Connections that the key opened get nothing more, and are "
        + "closed at their next frame or event, or within a minute.",
      "audit shows which keys were created and revoked in the last 400 days.",
      "A client gives a key as ?apiKey=KEY, as the header x-api-key, or as Authorization: Bearer KEY.",
    ],
    examples: [
      "tickertape keys create --user u-1 --role analyst --group desk-7 --expires 90d --label dashboard",
      "tickertape keys list", "tickertape keys revoke 3f9a6c21",
      "CONNECTION_STORE=dynamodb:tickertape-dev tickertape keys list --json",
    ])

  private enum Action {
    case create(KeyOptions)
    case list
    case revoke(hashPrefix: String)
    case audit
  }

  private let action: Action
  private let store: String?
  private let asJSON: Bool

  init(_ arguments: Arguments) throws(CommandFailure) {
    store = arguments.value("store")
    asJSON = arguments.has("json")
    let token = arguments.operands.first
    guard token == "revoke" || arguments.operands.count < 2 else {
      throw CommandFailure(code: .usage, message: "keys \(token ?? "") takes no '\(arguments.operands[1])'")
    }
    switch token {
    case "create": action = .create(try KeyOptions(arguments))
    case "list": action = .list
    case "audit": action = .audit
    case "revoke":
      guard let key = arguments.operands.dropFirst().first else {
        throw CommandFailure(code: .usage, message: "keys revoke needs a key: the id that 'tickertape keys list' shows")
      }
      action = .revoke(hashPrefix: try KeyRing.hashPrefix(key))
    case let other:
      let actions = ["create", "list", "revoke", "audit"]
      let what = other.map { "keys does not know '\($0)'\(Suggestion.phrase(for: $0, among: actions))" }
      throw CommandFailure(
        code: .usage, message: what ?? "keys needs one of \(actions.joined(separator: ", "))",
        advice: (what == nil ? [] : ["it knows \(actions.joined(separator: ", "))"]) + [
          "for example: \(Self.syntax.examples[0])"
        ])
    }
    if case .create = action { return }
    for name in ["user", "role", "group", "expires", "label"] where arguments.has(name) {
      throw CommandFailure(code: .usage, message: "--\(name) goes with 'keys create' only")
    }
  }

  private var isCreation: Bool { if case .create = action { true } else { false } }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let ring = try KeyRing(store, mayCreate: isCreation, in: context)
    let report = KeyReport(terminal: context.terminal, asJSON: asJSON)
    switch action {
    case .create(let keyOptions):
      let (key, stored) = try ring.create(try keyOptions.grant(secondsSinceEpoch: context.clock.seconds))
      try report.created(key, stored: stored)
    case .list: try report.list(try ring.list())
    case .audit: try report.changes(try ring.changes())
    case .revoke(let prefix):
      let revoked = try ring.revoke(hashPrefix: prefix)
      try report.revoked(revoked.key, connections: revoked.connections)
    }
    return .success
  }
}

import FoundationEssentials
import JSON
import StreamClient
import Synchronization
import Telemetry
import Testing

/// One case of `Vectors/*.json`; `Vectors/README.md` says what stands in it.
struct Vector: CustomTestStringConvertible, Sendable {
  let file: String
  let name: String
  private let options: Members
  let steps: [Step]

  var testDescription: String { "\(file): \(name)" }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")

  static func all() throws -> [Vector] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
    return try names.sorted().flatMap { name in
      let text = try Data(contentsOf: folder.appending(path: name))
      return try elements(Array(text)[...]).map { try Vector(file: name, $0) }
    }
  }

  private init(file: String, _ text: ArraySlice<UInt8>) throws {
    let members = try Members(text)
    self.file = file
    name = try members.string("name")
    options = try Members(members["options"] ?? Array("{}".utf8)[...])
    steps = try elements(#require(members["steps"])).map { try Step(Members($0)) }
    try members.requireOnly(["name", "options", "steps"])
  }

  func follower() throws -> Follower {
    var remaining = Set(options.names)
    var settings = Follower.Options()
    func number<Number: BinaryInteger>(_ name: String, _ path: WritableKeyPath<Follower.Options, Number>) throws {
      remaining.remove(name)
      if let value = try options.number(name) { settings[keyPath: path] = Number(value) }
    }
    settings.eventTypes = try options.strings("eventTypes")
    settings.keys = try options.strings("keys")
    settings.saysHello = options["hello"].map { $0.elementsEqual("true".utf8) } ?? true
    try number("readyMilliseconds", \.readyMilliseconds)
    try number("helloAttempts", \.helloAttempts)
    try number("pingMilliseconds", \.pingMilliseconds)
    try number("pongMilliseconds", \.pongMilliseconds)
    try number("livedMilliseconds", \.livedMilliseconds)
    try number("basePauseMilliseconds", \.basePauseMilliseconds)
    try number("maximumPauseMilliseconds", \.maximumPauseMilliseconds)
    try number("rotateMilliseconds", \.rotateMilliseconds)
    try number("heldEvents", \.bufferedEvents)
    try number("joinedBytes", \.joinedBytes)
    try number("streams", \.streams)
    let position = try Follower.Position(options)
    let draws = Draws(try elements(options["draws"] ?? Array("[]".utf8)[...]))
    let others = ["eventTypes", "keys", "hello", "cursor", "seen", "draws"]
    try #require(remaining.subtracting(others).isEmpty, "unknown options: \(remaining)")
    return Follower(settings, position: position, randomness: Randomness { draws.next() })
  }
}

extension Vector {
  struct Step: Sendable {
    enum Input: Sendable {
      case handled(Follower.Input)
      case subscribe(types: [String], keys: [String])
    }

    let at: Int64
    let input: Input
    let output: [String]
    let position: Follower.Position?

    init(_ members: Members) throws {
      at = try #require(try members.number("at"))
      input = try Self.input(members)
      output = try elements(#require(members["output"])).map { try canonical($0) }
      position = try members["place"].map { try Follower.Position(Members($0)) }
    }

    private static func input(_ members: Members) throws -> Input {
      let name = try #require(members.names.first { !["at", "output", "place"].contains($0) })
      try members.requireOnly(["at", "output", "place", name])
      let value = try #require(members[name])
      switch name {
      case "connected": return .handled(.connected)
      case "frame": return .handled(.frame(Array(value)))
      case "text": return .handled(.frame(Array(try members.string("text").utf8)))
      case "disconnected": return .handled(.disconnected(status: try Members(value).number("status").map { Int($0) }))
      case "time": return .handled(.time)
      case "subscribe":
        let wanted = try Members(value)
        return .subscribe(types: try wanted.strings("eventTypes"), keys: try wanted.strings("keys"))
      default: throw Unknown(name: name)
      }
    }
  }

  struct Unknown: Error { let name: String }
}

/// The random numbers of a case, in their order.
private final class Draws: Sendable {
  private let rest: Mutex<[Double]>

  init(_ texts: [ArraySlice<UInt8>]) {
    rest = Mutex(texts.reversed().compactMap { Double(String(decoding: $0, as: UTF8.self)) })
  }

  func next() -> UInt64 {
    guard let draw = rest.withLock({ $0.popLast() }) else {
      Issue.record("a random number was needed that the case does not have")
      return 0
    }
    return UInt64(draw * 0x1p53) << 11
  }
}

extension Follower.Position {
  init(_ members: Members) throws {
    self.init(cursor: try members["cursor"].map { _ in try members.string("cursor") })
    guard let seen = members["seen"] else { return }
    let sequences = try Members(seen)
    for name in sequences.names { self.seen[name] = try sequences.number(name) }
  }
}

import Glibc
import HTTPWire
import TestSupport

@testable import LambdaRuntime

/// A Runtime API without sockets, threads or time: `SocketCalls` whose other side is here, and a clock that goes on only
/// while the loop waits. It gives out events in their order, takes answers, and refuses `next` once nothing can happen
/// any more, which ends the loop.
final class SimulatedRuntimeAPI {
  /// One request as it came, whole or not.
  struct Request {
    let line: String
    let headers: HTTPHeaders
    var body: [UInt8]
    var trailers: HTTPHeaders
    var isComplete: Bool
    let connection: Int32

    var name: String {
      line.replacing("/2018-06-01/runtime/", with: "").replacing("invocation/", with: "")
    }
    /// Behind the prelude.
    var streamed: String? {
      guard let end = body.firstRange(of: [UInt8](repeating: 0, count: 8)) else { return nil }
      return text(body[end.upperBound...])
    }
    var prelude: String? { body.firstRange(of: [UInt8](repeating: 0, count: 8)).map { text(body[..<$0.lowerBound]) } }
  }

  private struct Connection {
    var reader = HTTPReader(.requests)
    /// The index in `requests` of the one that is being read.
    var request: Int?
    var wire: [UInt8] = []
    var output: [UInt8] = []
    var waitsForEvent = false
    var isClosed = false
    /// Bytes that are taken before nothing is taken any more.
    var room = Int.max
    /// The connection ends after so many bytes that came.
    var closesAfter = Int.max
  }

  // What it is to do.
  var events: [(String, String)] = []
  var eventHeaders: [(name: String, value: String)] = []
  /// The status that answers the response or error of an invocation.
  var statuses: [String: Int] = [:]
  /// An answer that comes as soon as so many bytes of the response's body are there.
  var earlyAnswers: [String: (bytes: Int, status: Int)] = [:]
  /// Bytes of the response that are taken before nothing is taken any more.
  var rooms: [String: Int] = [:]
  /// The connection of a response ends after so many of its bytes, head and all.
  var cuts: [String: Int] = [:]
  /// What happens at a time of the clock.
  var timeline: [(at: Int64, action: (SimulatedRuntimeAPI) -> Void)] = []
  /// How many bytes one call moves at most.
  var pieceBytes: () -> Int = { Int.max }
  /// The call, counted from 1, that fails and takes its connection with it.
  var failingCall = Int.max

  // What happened.
  private(set) var requests: [Request] = []
  private(set) var now: Int64 = 1_000
  private(set) var polls = 0
  private(set) var callCount = 0
  private(set) var openDescriptors: Set<Int32> = []
  private(set) var mostDescriptors = 0
  private(set) var wires: [Int32: [UInt8]] = [:]
  private var connections: [Int32: Connection] = [:]
  private var nextDescriptor: Int32 = 100
  private var isOver = false

  var names: [String] { requests.map(\.name) }

  func response(_ id: String) -> Request? { requests.first { $0.name == "POST \(id)/response" } }
  func error(_ id: String) -> Request? { requests.first { $0.name == "POST \(id)/error" } }

  /// All that one connection carried to the Runtime API.
  func wire(of request: Request) -> String { text(wires[request.connection] ?? []) }

  /// Lets whoever was stuck be taken from again.
  func makeRoom() {
    for descriptor in connections.keys { connections[descriptor]?.room = .max }
  }

  /// Ends the connections of the responses that are being written.
  func closeResponses() {
    for (descriptor, connection) in connections {
      guard let request = connection.request, requests[request].name.hasSuffix("/response") else { continue }
      connections[descriptor]?.isClosed = true
    }
  }

  /// Ends the connections on which an event is waited for.
  func closeWaiting() {
    for (descriptor, connection) in connections where connection.waitsForEvent {
      connections[descriptor]?.isClosed = true
      connections[descriptor]?.waitsForEvent = false
    }
  }

  var calls: SocketCalls {
    SocketCalls(
      connect: { _ in self.connect() }, send: { self.send($0, Array($1)) }, receive: { self.receive($0, $1) },
      close: { self.close($0) }, poll: { self.poll(&$0, $1) })
  }

  // MARK: Calls

  private func fails() -> Bool {
    callCount += 1
    return callCount == failingCall
  }

  private func connect() -> Int32 {
    if fails() { return -ECONNREFUSED }
    nextDescriptor += 1
    connections[nextDescriptor] = Connection()
    openDescriptors.insert(nextDescriptor)
    mostDescriptors = max(mostDescriptors, openDescriptors.count)
    return nextDescriptor
  }

  private func close(_ descriptor: Int32) {
    openDescriptors.remove(descriptor)
    connections[descriptor] = nil
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
    if fails() {
      connections[descriptor]?.isClosed = true
      connections[descriptor]?.output = []
      return Int(-ECONNRESET)
    }
    limit(descriptor, beginning: bytes)
    guard let connection = connections[descriptor], !connection.isClosed else { return Int(-EPIPE) }
    let count = min(bytes.count, connection.room, connection.closesAfter, max(1, pieceBytes()))
    if count == 0 {
      guard connection.closesAfter == 0 else { return SocketCalls.wouldBlock }
      connections[descriptor]?.isClosed = true
      return Int(-ECONNRESET)
    }
    if connection.room != .max { connections[descriptor]?.room -= count }
    if connection.closesAfter != .max { connections[descriptor]?.closesAfter -= count }
    wires[descriptor, default: []] += bytes[..<count]
    read(Array(bytes[..<count]), descriptor)
    return count
  }

  /// Of a response that begins here: how much of it is taken, and where it is cut.
  private func limit(_ descriptor: Int32, beginning bytes: [UInt8]) {
    guard connections[descriptor]?.reader.isAtStart == true else { return }
    func isResponse(_ id: String) -> Bool {
      bytes.starts(with: Array("POST /2018-06-01/runtime/invocation/\(id)/response ".utf8))
    }
    if let room = rooms.first(where: { isResponse($0.key) }) { connections[descriptor]?.room = room.value }
    if let cut = cuts.first(where: { isResponse($0.key) }) { connections[descriptor]?.closesAfter = cut.value }
  }

  private func receive(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    if fails() {
      connections[descriptor]?.isClosed = true
      connections[descriptor]?.output = []
      return Int(-ECONNRESET)
    }
    guard let connection = connections[descriptor] else { return Int(-EBADF) }
    guard !connection.output.isEmpty else { return connection.isClosed ? 0 : SocketCalls.wouldBlock }
    let count = min(connection.output.count, buffer.count, max(1, pieceBytes()))
    buffer.copyBytes(from: connection.output[..<count])
    connections[descriptor]?.output.removeFirst(count)
    return count
  }

  private func poll(_ entries: inout [PollEntry], _ milliseconds: Int32) {
    polls += 1
    precondition(polls < 200_000, "the loop does not wait")
    if mark(&entries) || milliseconds == 0 { return }
    let end = milliseconds < 0 ? Int64.max : now + Int64(milliseconds)
    if let next = timeline.first, next.at <= end {
      now = max(now, next.at)
      timeline.removeFirst().action(self)
    } else if milliseconds < 0 {
      finish()
    } else {
      now = end
    }
    _ = mark(&entries)
  }

  private func mark(_ entries: inout [PollEntry]) -> Bool {
    var isAnyReady = false
    for index in entries.indices {
      guard let connection = connections[entries[index].fd] else { continue }
      var ready: Int32 = 0
      if !connection.output.isEmpty || connection.isClosed { ready |= POLLIN }
      if entries[index].events & Int16(POLLOUT) != 0, connection.room > 0 { ready |= POLLOUT }
      entries[index].revents = Int16(ready)
      isAnyReady = isAnyReady || ready != 0
    }
    return isAnyReady
  }

  // MARK: Requests

  private func read(_ bytes: [UInt8], _ descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard var connection = connections[descriptor] else { return }
      guard let used = try? connection.reader.consume(Array(rest)) else {
        preconditionFailure("not HTTP: \(text(rest))")
      }
      rest = rest.dropFirst(used)
      note(&connection, descriptor)
      connections[descriptor] = connection
      if connection.reader.isComplete { answer(descriptor) }
    }
  }

  private func note(_ connection: inout Connection, _ descriptor: Int32) {
    let reader = connection.reader
    guard reader.hasHead else { return }
    if connection.request == nil {
      connection.request = requests.count
      requests.append(
        Request(
          line: "\(reader.method) \(reader.target)", headers: reader.headers, body: [], trailers: HTTPHeaders(),
          isComplete: false, connection: descriptor))
    }
    guard let index = connection.request else { return }
    requests[index].body = reader.body
    requests[index].trailers = reader.trailers
    requests[index].isComplete = reader.isComplete
    for (id, early) in earlyAnswers
    where requests[index].name == "POST \(id)/response" && reader.body.count >= early.bytes {
      earlyAnswers[id] = nil
      statuses[id] = 0
      connection.output += Self.answer(early.status)
    }
  }

  private func answer(_ descriptor: Int32) {
    guard let index = connections[descriptor]?.request else { return }
    connections[descriptor]?.reader = HTTPReader(.requests)
    connections[descriptor]?.request = nil
    let request = requests[index]
    guard request.name != "GET next" else {
      connections[descriptor]?.waitsForEvent = true
      return giveEvents()
    }
    let id = String(request.name.dropFirst(5).prefix { $0 != "/" })
    guard request.name != "POST \(id)/response" || statuses[id] != 0 else { return }
    connections[descriptor]?.output += Self.answer(statuses[id] ?? 202)
  }

  private static func answer(_ status: Int) -> [UInt8] {
    var answer: [UInt8] = []
    HTTPWriter.append(response: status, body: bytes(#"{"errorType":"Simulated"}"#), to: &answer)
    return answer
  }

  /// Events go to the connection that has waited longest.
  func giveEvents() {
    for descriptor in connections.keys.sorted() where connections[descriptor]?.waitsForEvent == true {
      guard !events.isEmpty else { return }
      let (id, body) = events.removeFirst()
      var answer: [UInt8] = []
      let standard = [("Lambda-Runtime-Aws-Request-Id", id), ("Lambda-Runtime-Deadline-Ms", "1793613630123")]
      HTTPWriter.append(response: 200, headers: standard + eventHeaders, body: bytes(body), to: &answer)
      connections[descriptor]?.waitsForEvent = false
      connections[descriptor]?.output += answer
    }
  }

  /// Nothing can happen any more: there are no events. Where nobody asks for one, somebody waits for what never comes.
  private func finish() {
    precondition(!isOver, "the loop goes on after next was refused")
    let waiting = connections.filter(\.value.waitsForEvent)
    isOver = !waiting.isEmpty
    for descriptor in waiting.keys { connections[descriptor]?.output += Self.answer(403) }
    guard waiting.isEmpty else { return }
    for descriptor in connections.keys { connections[descriptor]?.isClosed = true }
  }
}

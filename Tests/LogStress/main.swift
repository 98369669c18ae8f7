// One of several processes that append to one log at once, or one that reads it meanwhile.
//
//   LogStress append PATH STREAM SEED COUNT KEYS
//     COUNT appends, most of their events with one of KEYS idempotency keys, all of which come; prints `appended KEY SEQ`
//     or `known KEY SEQ` for each event
//   LogStress follow PATH STREAM
//     reads until it has an event with the name `end`; prints each `SEQ ID`; fails at a hole

import EventLog
import Glibc
import Messaging
import TableBackends
import Telemetry

struct Usage: Error {}

struct Wrong: Error, CustomStringConvertible {
  let description: String
}

/// The same key is the same event, whoever publishes it.
func event(_ key: Int?, _ id: String) -> Event {
  Event(
    type: "price:update", key: key.map { "K\($0 % 7)" }, data: Array("{\"n\":\(key ?? -1)}".utf8), id: id,
    timestamp: "", idempotencyKey: key.map { "key-\($0)" })
}

func append(_ path: String, _ stream: String, seed: UInt64, count: Int, keys: Int) throws {
  var log = StreamLog(table: try SQLiteTable(path: path, busyMilliseconds: 60_000))
  var state = seed
  func number(below bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
  // Every process publishes every key, each in an order of its own.
  var left = Array(0..<keys)
  for index in left.indices.reversed() { left.swapAt(index, number(below: index + 1)) }
  for round in 0..<count {
    var events: [Event] = []
    let isLast = round == count - 1
    for position in 0..<(isLast ? left.count : 1 + number(below: 20)) {
      let key = isLast || number(below: 5) > 0 ? left.popLast() : nil
      events.append(event(key, "1-\(seed).\(round).\(position)"))
    }
    for (event, outcome) in zip(events, try log.append(events, to: stream)) {
      let key = event.idempotencyKey ?? event.id
      switch outcome {
      case .appended(let sequence), .appendedDespiteKey(let sequence): print("appended \(key) \(sequence)")
      case .known(let sequence): print("known \(key) \(sequence)")
      case .refused(let refusal): throw Wrong(description: "refused \(key): \(refusal)")
      }
    }
  }
}

func follow(_ path: String, _ stream: String) throws {
  let log = StreamLog(table: try SQLiteTable(path: path, busyMilliseconds: 60_000))
  var position: Int64 = 0
  var epoch: String?
  var isEnded = false
  while !isEnded {
    guard let head = try log.head(stream: stream) else {
      usleep(2_000)
      continue
    }
    if epoch != nil, head.epoch != epoch { throw Wrong(description: "the epoch changed at \(position)") }
    epoch = head.epoch
    // A reader that never rests takes a processor from those it waits for.
    if head.last == position { usleep(2_000) }
    let page = try log.read(stream: stream, head: head, after: position, limitEvents: 50)
    for event in page.events {
      position += 1
      guard event.sequence == position else { throw Wrong(description: "\(event.sequence) came for \(position)") }
      print("\(event.sequence) \(event.event.id)")
      isEnded = event.event.id == "end"
    }
    guard page.through == position else { throw Wrong(description: "read through \(page.through), seen \(position)") }
  }
}

do {
  let arguments = Array(CommandLine.arguments.dropFirst())
  switch (arguments.first, arguments.count) {
  case ("append", 6):
    try append(
      arguments[1], arguments[2], seed: UInt64(arguments[3]) ?? 0, count: Int(arguments[4]) ?? 0,
      keys: Int(arguments[5]) ?? 0)
  case ("follow", 3): try follow(arguments[1], arguments[2])
  default: throw Usage()
  }
} catch {
  print(error)
  exit(1)
}

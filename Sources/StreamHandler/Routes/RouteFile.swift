import Connections
import Glibc
import JSON
import Messaging
import Telemetry

/// Why a file of routes is not taken: which file, which line, which member, what is wrong with it.
struct RouteFileError: Error, Equatable, CustomStringConvertible, LogTextConvertible {
  let file: String
  let line: Int?
  let member: String
  let reason: String

  var description: String {
    let place = line.map { ", line \($0)" } ?? ""
    return "the routes of \(file)\(place)\(member.isEmpty ? "" : ", \(member)"): \(reason)"
  }
  var logText: LogText { LogText(known: description) }
}

/// The routes of a file, in its order.
struct RouteFile {
  let routes: [Route]

  /// The file that `STREAM_ROUTES_FILE` names, else the one that is built in.
  init(environment: Environment, types: EventTypeTable) throws(RouteFileError) {
    guard let path = environment["STREAM_ROUTES_FILE"] else {
      try self.init(reading: PackageResources.Routes_json, file: "Routes.json", types: types)
      return
    }
    try self.init(reading: Self.contents(of: path), file: path, types: types)
  }

  /// Reads what a file says. Strictly: a member that is misspelt would otherwise open a stream in silence.
  init(reading bytes: [UInt8], file: String, types: EventTypeTable) throws(RouteFileError) {
    let tree: JSONValue
    do throws(JSONError) {
      tree = try JSONValue(bytes)
    } catch {
      throw RouteFileError(
        file: file, line: Self.line(of: error.offset, in: bytes), member: "", reason: error.description)
    }
    routes = try Self.routes(in: tree, bytes: bytes, file: file, types: types)
  }

  private static func routes(
    in tree: JSONValue, bytes: [UInt8], file: String, types: EventTypeTable
  ) throws(RouteFileError) -> [Route] {
    do throws(EventTypeFileError) {
      let members = try EventTypeMember(file: file, path: .root, tree).members(["version", "routes"], required: 2)
      if let version = members[0], version.tree != .plain([UInt8(ascii: "1")]) { throw version.fault("must be 1") }
      var routes: [Route] = []
      for element in try members[1]?.elements() ?? [] {
        let row = try RouteRow(element, types: types)
        if let other = routes.first(where: { $0.name == row.route.name || $0.path == row.route.path }) {
          throw element.fault("the name '\(other.name)' or the path '\(other.path.text)' stands twice")
        }
        routes.append(row.route)
      }
      return routes
    } catch {
      throw RouteFileError(
        file: file, line: Self.line(ofMember: error.member, in: bytes), member: error.member, reason: error.reason)
    }
  }

  // MARK: Lines

  private static func line(of offset: Int, in bytes: [UInt8]) -> Int {
    1 + bytes.prefix(offset).count { $0 == UInt8(ascii: "\n") }
  }

  /// The line where the route of a member begins, `routes[3].types[1]`.
  private static func line(ofMember member: String, in bytes: [UInt8]) -> Int? {
    guard member.hasBytePrefix("routes["), let number = Int(member.dropFirst(7).prefix { $0 != "]" }) else {
      return nil
    }
    var reader = JSONReader(bytes)
    guard (try? reader.beginObject()) != nil else { return nil }
    while let key = try? reader.nextKey() {
      if key == "routes" { return line(ofElement: number, from: &reader, in: bytes) }
      guard (try? reader.skip()) != nil else { return nil }
    }
    return nil
  }

  private static func line(ofElement number: Int, from reader: inout JSONReader, in bytes: [UInt8]) -> Int? {
    guard (try? reader.beginArray()) != nil else { return nil }
    var index = 0
    while (try? reader.nextElement()) == true {
      // Passes the white space before the element.
      guard (try? reader.peek()) != nil else { return nil }
      if index == number { return line(of: reader.offset, in: bytes) }
      guard (try? reader.skip()) != nil else { return nil }
      index += 1
    }
    return nil
  }

  // MARK: Reading a file

  private static let maximumBytes = 256 * 1024

  private static func contents(of path: String) throws(RouteFileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path: path) }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = read(descriptor, &part, part.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path: path) }
      if count == 0 { return contents }
      contents += part[..<count]
      guard contents.count <= maximumBytes else {
        throw RouteFileError(file: path, line: nil, member: "", reason: "is larger than \(maximumBytes / 1024) KB")
      }
    }
  }

  private static func unreadable(path: String) -> RouteFileError {
    RouteFileError(
      file: path, line: nil, member: "",
      reason: "STREAM_ROUTES_FILE cannot be read: \(String(cString: strerror(errno)))")
  }
}

import ConnectionStore
import HTTPClient
import TableBackends
import Telemetry

/// What has to be there for the gateway to run, looked at one by one; nothing is changed.
struct Diagnosis {
  let settings: ServeSettings
  let endpoint: String
  /// The endpoint was asked for by name, so it has to answer.
  let isEndpointRequired: Bool
  let context: CommandContext

  func checks() -> [Check] {
    [packages()] + functions() + table() + [port(), endpointCheck(), access()].compactMap { $0 }
  }

  // MARK: What is installed

  /// Debian packages that the build needs, and the libraries of each that the executables need.
  private static let packages = ["libcurl4-openssl-dev", "libsqlite3-dev", "libssl-dev", "libwslay-dev", "pkg-config"]

  /// Debian's package database, a file list a package.
  private static let packageLists = "/var/lib/dpkg/info"

  private func packages() -> Check {
    guard System.isDirectory(path: Self.packageLists) else {
      return .note(
        "packages", finding: "this is no Debian, nothing can be told",
        advice: "needed: \(Self.packages.joined(separator: " "))")
    }
    let missing = Self.packages.filter { !Self.isInstalled($0) }
    if missing.isEmpty { return .fine("packages", finding: Self.packages.joined(separator: ", ")) }
    return .wrong(
      "packages", finding: "missing: \(missing.joined(separator: ", "))",
      advice: "apt-get install \(missing.joined(separator: " "))")
  }

  private static func isInstalled(_ package: String) -> Bool {
    ["", ":amd64", ":arm64"].contains { System.exists(path: "\(packageLists)/\(package)\($0).list") }
      || package == "pkg-config" && System.exists(path: "/usr/bin/pkg-config")
  }

  private func functions() -> [Check] {
    settings.functions.sorted { $0.key < $1.key }.map { name, path in
      if System.isExecutableFile(path: path) { return .fine(name, finding: path) }
      let finding = System.exists(path: path) ? "\(path) is no executable file" : "\(path) is not there"
      let isOwn = ServeSettings.ownFunctions.contains(name)
      return .wrong(
        name, finding: finding, advice: isOwn ? "swift build" : "--function \(name)=PATH names the right one")
    }
  }

  // MARK: The table

  private func table() -> [Check] {
    guard let path = settings.sqlitePath else {
      return DynamoDBCheck(
        table: String(settings.store.dropFirst("dynamodb:".count)), context: context
      ).checks()
    }
    return [tableFile(path: path), space(path: path)]
  }

  /// SQLite's own first bytes (file format, section 1.3).
  private static let sqliteHeader = Array("SQLite format 3\u{0}".utf8)

  private func tableFile(path: String) -> Check {
    let directory = Self.nearestDirectory(of: path)
    guard System.isWritable(path: directory) else {
      return .wrong(
        "table", finding: "\(directory) cannot be written to", advice: "--store sqlite:PATH chooses another place")
    }
    guard System.exists(path: path) else { return .fine("table", finding: "\(path) will be created") }
    guard System.isReadableAndWritable(path: path) else {
      // Says whose file it is.
      let finding = TableSelection.fault(ofSQLiteFile: path)?.detail ?? "\(path) cannot be read and written"
      return .wrong("table", finding: finding, advice: "chmod u+rw '\(path)', or the user that it belongs to")
    }
    guard let first = try? ByteSource.file(path: path).read() else {
      return .wrong("table", finding: "\(path) cannot be read", advice: "--store sqlite:PATH chooses another")
    }
    guard first.isEmpty || first.starts(with: Self.sqliteHeader) else {
      return .wrong(
        "table", finding: "\(path) is no SQLite file", advice: "move it away, or --store sqlite:PATH chooses another")
    }
    if let fault = TableSelection.fault(ofSQLiteFile: path) {
      return .wrong("table", finding: fault.detail, advice: "--store sqlite:PATH chooses another")
    }
    return .fine("table", finding: path)
  }

  private func space(path: String) -> Check {
    guard let free = System.freeBytes(at: Self.nearestDirectory(of: path)) else {
      return .note("disk", finding: "the free space cannot be told")
    }
    let text = "\(Figures.grouped(Int(free >> 20))) MB free"
    return free >= 50 << 20
      ? .fine("disk", finding: text)
      : .wrong("disk", finding: text, advice: "free 50 MB, or --store sqlite:PATH elsewhere")
  }

  /// The directory of the path, or the nearest one above that is there.
  private static func nearestDirectory(of path: String) -> String {
    var directory = Path.directory(of: System.absolutePath(path: path)) ?? "/"
    while !System.isDirectory(path: directory), let above = Path.directory(of: directory) { directory = above }
    return directory
  }

  // MARK: The gateway

  /// Nothing to say where the endpoint is another machine's, or a process listens: `endpoint` names it.
  private func port() -> Check? {
    guard !isEndpointRequired else { return nil }
    guard let reason = System.reasonPortIsTaken(settings.port) else {
      return .fine("port \(settings.port)", finding: "free")
    }
    let name = "port \(settings.port)"
    if answer() == .gateway { return .fine(name, finding: "the gateway listens there") }
    return .wrong(
      name, finding: "another program listens there (\(reason.reason))",
      advice: "stop it, or choose another: \(context.program) serve --port \(settings.port + 1)")
  }

  private func endpointCheck() -> Check? {
    switch answer() {
    case .gateway: return .fine("endpoint", finding: "\(endpoint) answers")
    case .other(let status):
      return .wrong(
        "endpoint", finding: "\(endpoint) answers \(status) to a call for functions",
        advice: "is it a gateway of this kind? --endpoint URL names another")
    case .silent(let reason):
      if isEndpointRequired {
        return .wrong("endpoint", finding: "\(endpoint): \(reason)", advice: "is it running, and is the URL right?")
      }
      return .note("endpoint", finding: "the gateway is not running", advice: "\(context.program) serve")
    }
  }

  private enum Answer: Equatable {
    case gateway
    case other(Int)
    case silent(String)
  }

  /// Calls a function that does not exist: a gateway answers 404 in Lambda's words, and AWS 403.
  private func answer() -> Answer {
    let api: InvokeAPI
    do {
      api = try InvokeAPI(
        endpoint: endpoint, function: "doctor-asks", exchange: try context.exchange(), pause: { _ in })
    } catch {
      return .silent(error.message)
    }
    do {
      let answer = try api.call([], milliseconds: 5_000)
      let isLambda = JSONMembers(answer.body)?.names.contains { $0.lowercased() == "message" } ?? false
      return [403, 404].contains(answer.status) && isLambda ? .gateway : .other(answer.status)
    } catch {
      return .silent(error.message)
    }
  }

  private func access() -> Check? {
    guard context.environment["ACCESS"] == nil, settings.variables["ACCESS"] == nil else { return nil }
    return .note(
      "access", finding: "ACCESS is not set: clients need a key ('tickertape keys create') or a token",
      advice: "ACCESS=open \(context.program) serve lets in everybody on this machine")
  }
}

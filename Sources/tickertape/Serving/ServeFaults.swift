import LocalGateway

/// The file that `serve --faults` names.
enum ServeFaults {
  static let maximumBytes = 1 << 20

  /// The plan, if it can be followed with this table and these functions.
  static func load(path: String, store: String, functions: [String]) throws(CommandFailure) -> FaultPlan {
    guard let bytes = try ByteSource.file(path: path).readAll(maximumBytes: maximumBytes) else {
      throw CommandFailure(code: .usage, message: "\(path) is larger than 1 MB")
    }
    return try plan(bytes, name: path, store: store, functions: functions)
  }

  static func plan(
    _ bytes: [UInt8], name: String, store: String, functions: [String]
  ) throws(CommandFailure) -> FaultPlan {
    let plan: FaultPlan
    do throws(FaultPlanError) { plan = try FaultPlan(json: bytes) } catch {
      throw CommandFailure(
        code: .usage, message: "\(name): \(error)", advice: ["Docs/faults.md shows every kind of fault"])
    }
    guard plan.tableFault == nil || store.hasPrefix("sqlite:") else {
      throw CommandFailure(code: .usage, message: "\(name): table-throttled needs a table of SQLite, not \(store)")
    }
    for function in plan.faults.compactMap(\.function) where !functions.contains(function) {
      throw CommandFailure(
        code: .usage,
        message:
          "\(name): 'function' names \(function), which does not exist\(Suggestion.phrase(for: function, among: functions))"
      )
    }
    return plan
  }
}

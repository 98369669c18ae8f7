import Messaging

/// Which route a request is for.
struct RouteTable {
  let routes: [Route]

  init(_ routes: [Route]) { self.routes = routes }

  enum Match {
    case route(Route, values: [String: String])
    /// There is something, but not by that method.
    case otherMethod(allowed: [String])
    case none
  }

  /// A path counts with a stage before it too: `/v1/stream/sse`, `/dev/api/stream/prices`.
  func match(method: String, path: [String]) -> Match {
    let asItIs = match(method, path)
    if case .none = asItIs, path.count > 1 { return match(method, Array(path.dropFirst())) }
    return asItIs
  }

  private func match(_ method: String, _ path: [String]) -> Match {
    var allowed: [String] = []
    for route in routes {
      guard let values = route.path.match(path) else { continue }
      if route.method.rawValue == method { return .route(route, values: values) }
      allowed.append(route.method.rawValue)
    }
    return allowed.isEmpty ? .none : .otherMethod(allowed: allowed)
  }

  /// The methods of a path; empty: there is no such path.
  func methods(of path: [String]) -> [String] {
    if case .otherMethod(let allowed) = match(method: "", path: path) { return allowed }
    return []
  }
}

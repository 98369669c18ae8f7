import Messaging

/// What is answered whole, beside the streams.
enum ShortRoute: String, CaseIterable {
  /// How many clients there are.
  case metrics
  /// A ticket for an EventSource, which can send no credential.
  case ticket
  /// An admin's event to everyone, to see whether it comes.
  case test
  /// 001: an analysis, which its user gets as an event.
  case analyzeCredit
  /// 004: what can be subscribed to.
  case channels
  /// 004: the last value of a channel.
  case latest
  /// What came after a cursor.
  case history

  var path: RoutePath {
    switch self {
    case .metrics: RoutePath("/api/stream/metrics")
    case .ticket: RoutePath("/ticket")
    case .test: RoutePath("/api/stream/test")
    case .analyzeCredit: RoutePath("/api/analyze-credit/:user")
    case .channels: RoutePath("/streaming/channels")
    case .latest: RoutePath("/streaming/latest/:channel")
    case .history: RoutePath("/history")
    }
  }

  var method: Route.Method {
    switch self {
    case .metrics, .channels, .latest, .history: .get
    case .test, .analyzeCredit, .ticket: .post
    }
  }

  /// The same as a row of the file has it, for what decides by that: who may ask, and what pages may read.
  var route: Route {
    var route = Route()
    route.path = path
    route.method = method
    route.name = rawValue
    route.access = self == .metrics ? .open : .required
    route.userParameter = self == .analyzeCredit ? ":user" : nil
    return route
  }
}

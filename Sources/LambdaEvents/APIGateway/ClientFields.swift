import JSON

/// Events as API Gateway makes them of what a client sent; the local gateway makes its own with these.
extension ConnectEvent {
  /// `fields` and `parameters` in the order in which the client sent them. A name stands once with its last value, and
  /// once with all of them; without parameters neither member is there.
  package init(
    context: RequestContext, fields: [(name: String, value: String)], parameters: [(name: String, value: String)]
  ) {
    let headers = RepeatedFields(fields)
    let query = RepeatedFields(parameters)
    self.init(
      context: context, headers: GatewayHeaders(json: headers.lastValues()[...]),
      query: QueryParameters(query.pairs), multiValueHeaders: headers.allValues(),
      multiValueQuery: parameters.isEmpty ? nil : query.allValues())
  }
}

extension DisconnectEvent {
  /// It has these four headers, three of them empty, whatever the client sent.
  package init(context: RequestContext, host: String) {
    let headers = RepeatedFields(
      [("Host", host), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")].map { (name: $0.0, value: $0.1) })
    self.init(
      context: context, headers: GatewayHeaders(json: headers.lastValues()[...]),
      multiValueHeaders: headers.allValues())
  }
}

/// Fields of which some may come several times, by name, in the order of each name's first one.
private struct RepeatedFields {
  private var names: [String] = []
  private var values: [String: [String]] = [:]

  init(_ fields: [(name: String, value: String)]) {
    for (name, value) in fields {
      if values[name] == nil { names.append(name) }
      values[name, default: []].append(value)
    }
  }

  /// Each name with its last value.
  var pairs: [(name: String, value: String)] { names.map { ($0, values[$0]?.last ?? "") } }

  func lastValues() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      for (name, value) in pairs { writer.member(name, value) }
    }
    return writer.bytes
  }

  func allValues() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      for name in names {
        writer.key(name)
        writer.array { writer in
          for value in values[name] ?? [] { writer.string(value) }
        }
      }
    }
    return writer.bytes
  }
}

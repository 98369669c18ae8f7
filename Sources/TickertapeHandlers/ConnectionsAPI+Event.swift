public import LambdaEvents
public import ManagementAPI

extension RequestContext {
  /// Where the `@connections` API of the connection is, for calls of `ConnectionsAPI`: a custom domain is mapped to one
  /// stage and has none in its path. Behind one that is mapped under a path, `API_GATEWAY_ENDPOINT` has to be set.
  ///
  ///     try connections.close(event.context.connectionID, endpoint: event.context.endpoint)
  public var endpoint: String { GatewayAccess.endpoint(domainName: domainName, stage: stage) }
}

extension ConnectionsAPI {
  /// Sends a frame of text to the client that an event came from.
  ///
  ///     try connections.post("still working on it", to: event.context)
  public func post(_ text: String, to context: RequestContext) throws -> Outcome {
    try post(text, to: context.connectionID, endpoint: context.endpoint)
  }
}

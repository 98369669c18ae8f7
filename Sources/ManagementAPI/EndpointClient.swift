import Telemetry

/// The client of the endpoint that was called last: an API may have several domains, and most functions call one.
struct EndpointClient {
  let access: GatewayAccess
  let clock: Clock
  private var kept: (endpoint: String, client: ManagementClient)?

  init(access: GatewayAccess, clock: Clock) {
    self.access = access
    self.clock = clock
  }

  /// Makes a client where the endpoint is another than the last time.
  mutating func client(of endpoint: String) throws -> ManagementClient {
    if let kept, kept.endpoint == endpoint { return kept.client }
    let client = try access.client(for: endpoint, clock: clock)
    kept = (endpoint, client)
    return client
  }
}

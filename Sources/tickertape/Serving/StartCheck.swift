import Access
import Connections
import ManagementAPI
import TableBackends
import Telemetry

/// What the project's own functions would refuse at their start, told before anything is started: with them the same
/// variables are read by the same code. A function that is not the project's own is not looked at.
struct StartCheck {
  let function: String
  /// As the function gets it.
  let environment: Environment

  func run() throws(CommandFailure) {
    guard ServeSettings.ownFunctions.contains(function) else { return }
    do {
      try read()
    } catch {
      throw CommandFailure(code: .usage, message: "\(function) would refuse to start: \(error)")
    }
  }

  private func read() throws {
    _ = try TelemetrySettings.logLevel(environment: environment)
    _ = try TelemetrySettings.writesMetrics(environment: environment)
    let hasClients = function != "DisconnectHandler"
    if hasClients { _ = try EventTypeTable(environment: environment) }
    _ = try TableSelection.open(environment: environment)
    _ = try TableSelection.listenerShards(environment: environment)
    if function == "ConnectHandler" { _ = try AccessSettings(environment: environment) }
    guard hasClients else { return }
    _ = try StreamLimits(environment: environment)
    try GatewayAccess(environment: environment).check()
    if function == "Publisher" { _ = try GatewayAccess(environment: environment).requiredEndpoint() }
  }
}

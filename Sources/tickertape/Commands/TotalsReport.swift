import Connections
import JSON
import Telemetry

/// What `stats` prints.
struct TotalsReport {
  let totals: ConnectionTotals
  let nowMilliseconds: Int64

  private var ageMilliseconds: Int64 { max(0, nowMilliseconds - totals.countedAtMilliseconds) }

  func show(on terminal: Terminal) throws(CommandFailure) {
    let connections = Figures.count(totals.total, one: "connection")
    try terminal.line("\(connections), \(Figures.grouped(totals.active)) active")
    for one in totals.byRole { try terminal.line("  \(one.name): \(Figures.grouped(one.connections))") }
    let users = Figures.count(totals.users, one: "user")
    try terminal.line("\(totals.isCut ? "more than " : "")\(users)")
    for one in totals.most { try terminal.line("  \(one.name): \(Figures.grouped(one.connections))") }
    let age = Figures.duration(milliseconds: ageMilliseconds)
    terminal.note("Counted \(age) ago, at \(Timestamp.rfc3339(milliseconds: totals.countedAtMilliseconds)).")
  }

  /// `total`, `active` and `byRole` as a connection manager's statistics have them; `timestamp`, `totalClients`, `totalUsers`
  /// and `clientsPerUser` as a metrics endpoint's.
  var json: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: totals.countedAtMilliseconds))
      writer.member("ageSeconds", ageMilliseconds / 1_000)
      writer.member("total", totals.total)
      writer.member("active", totals.active)
      writer.key("byRole")
      writer.object { writer in for one in totals.byRole { writer.member(one.name, one.connections) } }
      writer.member("totalClients", totals.total)
      writer.member("totalUsers", totals.users)
      if totals.isCut { writer.member("moreUsers", true) }
      writer.key("clientsPerUser")
      writer.array { writer in
        for one in totals.most {
          writer.object { writer in
            writer.member("userId", one.name)
            writer.member("clientCount", one.connections)
          }
        }
      }
    }
    return writer.bytes
  }
}

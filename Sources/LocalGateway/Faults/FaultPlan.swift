/// What is to go wrong, and the seed that decides when.
///
///     {"seed": 7, "faults": [{"kind": "gone", "rate": 0.01}, {"kind": "slow", "rate": 0.05, "milliseconds": 300}]}
package struct FaultPlan: Equatable, Sendable {
  package let seed: Int64
  package let faults: [Fault]

  package init(seed: Int64, faults: [Fault]) {
    self.seed = seed
    self.faults = faults
  }

  /// The faults of the functions' tables, if the plan has any.
  package var tableFault: Fault? { faults.first { $0.kind == .tableThrottled } }

  /// Reads a plan; the error names the member that cannot be, and what is allowed.
  package init(json: [UInt8]) throws(FaultPlanError) {
    let plan = try FaultMembers(json, of: "the plan")
    try plan.allow(["seed", "faults"])
    seed = try plan.required("seed", value: plan.integer("seed", in: Int64.min...Int64.max), allowed: "a whole number")
    var faults: [Fault] = []
    for (index, element) in try plan.elements("faults").enumerated() {
      faults.append(try Fault(members: FaultMembers(element, of: "fault \(index + 1)")))
    }
    guard faults.filter({ $0.kind == .tableThrottled }).count <= 1 else {
      throw FaultPlanError("table-throttled may stand in the plan once only")
    }
    self.faults = faults
  }
}

/// Why a plan cannot be followed.
package struct FaultPlanError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

extension Fault {
  fileprivate init(members: FaultMembers) throws(FaultPlanError) {
    let kind = try members.required(
      "kind", value: members.keyword("kind", type: Kind.self), allowed: Kind.allCases.sentence)
    var members = members
    members.name += " (\(kind.rawValue))"
    try members.allow(["kind", "rate"] + kind.members.map(\.rawValue))
    self.init(kind, rate: try members.required("rate", value: members.share("rate"), allowed: "a number from 0 to 1"))
    for member in kind.members { try read(member, from: members) }
    guard from < until else { throw FaultPlanError("\(members.name): 'until' is not after 'from'") }
  }

  private mutating func read(_ member: Member, from members: FaultMembers) throws(FaultPlanError) {
    let name = member.rawValue
    switch member {
    case .scope: scope = try members.keyword(name, type: Scope.self) ?? scope
    case .on: target = try members.keyword(name, type: Target.self, among: kind.targets) ?? target
    case .delays: delay = try members.keyword(name, type: Delay.self) ?? delay
    case .outcome: outcome = try members.keyword(name, type: TableOutcome.self) ?? outcome
    case .status: status = try members.integer(name, in: 500...599).map { Int($0) } ?? status
    case .milliseconds: milliseconds = try members.integer(name, in: 0...960_000) ?? milliseconds
    case .bytes: bytes = try members.integer(name, in: 1...(1 << 20)).map { Int($0) } ?? bytes
    case .within: within = try members.integer(name, in: 0...600_000) ?? within
    case .function: function = try members.string(name) ?? function
    case .from: from = try members.integer(name, in: 0...Int64.max) ?? from
    case .until: until = try members.integer(name, in: 1...Int64.max) ?? until
    case .limit: limit = try members.integer(name, in: 1...Int64.max).map { Int($0) } ?? limit
    case .kind, .rate: break
    }
  }
}

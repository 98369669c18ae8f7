// swift-tools-version: 6.2
import PackageDescription

/// Every target is built the same way: Swift 6 mode (strict concurrency), warnings are errors, an import is visible
/// only where it is written.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Floors as in Docs/architecture.md: a target depends only on targets of lower floors.

/// Floor 0: module maps and shims over the distribution's C libraries.
let cLibraries: [Target] = [
  .systemLibrary(name: "CLinux", path: "Sources/CLibraries/CLinux"),
  .systemLibrary(
    name: "CCurl", path: "Sources/CLibraries/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  .systemLibrary(
    name: "CSQLite", path: "Sources/CLibraries/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
  .systemLibrary(
    name: "CWslay", path: "Sources/CLibraries/CWslay", providers: [.apt(["libwslay-dev"])]),
  .systemLibrary(
    name: "CCrypto", path: "Sources/CLibraries/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  .systemLibrary(
    name: "CZlib", path: "Sources/CLibraries/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
]

func room(
  _ name: String, path: String? = nil, _ dependencies: [String] = [], embedding files: [String] = [],
  besides others: [String] = [], linking libraries: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: path ?? "Sources/\(name)",
    exclude: others, resources: files.map { .embedInCode($0) }, swiftSettings: strict,
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func program(_ name: String, _ dependencies: [String], embedding files: [String] = []) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Sources/\(name)",
    resources: files.map { .embedInCode($0) }, swiftSettings: strict)
}

/// A program that only the tests start.
func testProgram(_ name: String, _ dependencies: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Tests/\(name)",
    swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [String], excluding data: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Tests/\(name)", exclude: data,
    swiftSettings: strict)
}

/// Programs that only the benchmarks start: `Benchmarks/*/run.sh` sets the variable.
func benchmark(_ name: String, in folder: String, _ dependencies: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Benchmarks/\(folder)/\(name)",
    swiftSettings: strict)
}

let benchmarks: [Target] =
  Context.environment["TICKERTAPE_BENCHMARKS"] == nil
  ? []
  : [
    benchmark("DecodeBootstrap", in: "lambda", ["LambdaRuntime", "LambdaEvents"]),
    benchmark(
      "DeliveryBenchmark", in: "delivery",
      ["Delivery", "Frames", "ManagementAPI", "HTTPClient", "Messaging", "Telemetry"]),
    benchmark("SignatureBenchmark", in: "signed", ["AWS"]),
    benchmark(
      "StreamBenchmark", in: "streams",
      ["TableBackends", "Messaging", "Frames", "Connections", "Delivery", "EventLog", "Telemetry"]),
  ]

let package = Package(
  name: "tickertape",
  products: [
    // The public library. What is `public` in these targets is meant for others; the rest is `package`.
    .library(name: "LambdaRuntime", targets: ["LambdaRuntime"]),
    .library(name: "LambdaEvents", targets: ["LambdaEvents"]),
    .library(name: "TickertapeHandlers", targets: ["TickertapeHandlers"]),
    .library(name: "ManagementAPI", targets: ["ManagementAPI"]),
    .library(name: "ConnectionStore", targets: ["ConnectionStore"]),
    .library(name: "TableBackends", targets: ["TableBackends"]),
    .library(name: "Messaging", targets: ["Messaging"]),
    .executable(name: "ConnectHandler", targets: ["ConnectHandler"]),
    .executable(name: "DisconnectHandler", targets: ["DisconnectHandler"]),
    .executable(name: "DefaultHandler", targets: ["DefaultHandler"]),
    .executable(name: "Publisher", targets: ["Publisher"]),
    .executable(name: "StreamHandler", targets: ["StreamHandler"]),
    .executable(name: "tickertape", targets: ["tickertape"]),
  ],
  targets: cLibraries + benchmarks + [
    // Floor 1: values and formats
    room("JSON"),
    room("Crypto", ["CCrypto"]),
    room("HTTPWire"),
    room("WebSocketWire", ["CWslay", "CCrypto"], linking: ["wslay"]),
    // Floor 2
    room("Messaging", ["JSON"]),
    room("Telemetry", ["JSON"]),
    // Floor 3: what travels, and how
    room("Frames", ["Crypto", "CZlib", "JSON", "Messaging", "Telemetry"]),
    room("LambdaEvents", ["Crypto", "HTTPWire", "JSON", "Messaging"]),
    room("ConnectionStore", ["JSON", "Telemetry"]),
    room("HTTPClient", ["CCurl", "HTTPWire", "Telemetry"]),
    room("LambdaRuntime", path: "Sources/Runtime", ["HTTPWire", "JSON", "Messaging", "Telemetry"]),
    // Floor 4: what stands outside
    room("AWS", ["Crypto", "HTTPClient", "HTTPWire", "JSON", "Telemetry"]),
    room("StreamClient", ["Frames", "JSON", "Messaging", "Telemetry"]),
    room(
      "Connections", ["ConnectionStore", "Crypto", "Frames", "HTTPWire", "JSON", "Messaging", "Telemetry"],
      embedding: ["EventTypes/EventTypeRules.json"], besides: ["EventTypes/EventTypes.json"]),
    room("Access", ["ConnectionStore", "Crypto", "HTTPClient", "JSON", "Messaging", "Telemetry"]),
    // Floor 5
    room("ManagementAPI", ["AWS", "CLinux", "HTTPClient", "HTTPWire", "JSON", "Messaging", "Telemetry"]),
    room(
      "TableBackends",
      ["AWS", "ConnectionStore", "CSQLite", "HTTPClient", "JSON", "Messaging", "Telemetry"]),
    room(
      "EventLog",
      ["ConnectionStore", "Connections", "Crypto", "Frames", "HTTPWire", "JSON", "Messaging", "Telemetry"]),
    // Floor 6
    room(
      "Delivery",
      [
        "AWS", "ConnectionStore", "Connections", "EventLog", "Frames", "JSON", "LambdaEvents", "ManagementAPI",
        "Messaging", "Telemetry",
      ]),
    room(
      "TickertapeHandlers",
      [
        "AWS", "ConnectionStore", "Connections", "HTTPClient", "JSON", "LambdaEvents", "LambdaRuntime", "ManagementAPI",
        "Messaging", "Telemetry",
      ]),
    // Floor 7: what one invocation means
    program(
      "ConnectHandler",
      [
        "Frames",
        "LambdaRuntime", "Access", "AWS", "ConnectionStore", "Connections", "EventLog", "LambdaEvents", "ManagementAPI",
        "TableBackends", "Messaging", "JSON", "Telemetry",
      ]),
    program(
      "DisconnectHandler",
      [
        "LambdaRuntime", "LambdaEvents", "Connections", "TableBackends", "ConnectionStore", "Messaging", "JSON",
        "Telemetry",
      ]),
    program(
      "DefaultHandler",
      [
        "LambdaRuntime", "Access", "AWS", "Connections", "EventLog", "Frames", "LambdaEvents", "ManagementAPI",
        "TableBackends", "ConnectionStore", "Messaging", "JSON", "Telemetry",
      ]),
    program(
      "Publisher",
      [
        "LambdaRuntime", "AWS", "Connections", "EventLog", "Frames", "LambdaEvents", "Delivery", "ManagementAPI",
        "ConnectionStore", "TableBackends", "Messaging", "JSON", "Telemetry",
      ]),
    program(
      "StreamHandler",
      [
        "LambdaRuntime", "AWS", "Access", "ConnectionStore", "Connections", "Delivery", "EventLog", "Frames", "JSON",
        "LambdaEvents", "ManagementAPI", "Messaging", "TableBackends", "Telemetry",
      ], embedding: ["Routes/Routes.json"]),
    // Beside the house
    room(
      "LocalGateway", ["CLinux", "LambdaEvents", "HTTPWire", "JSON", "Messaging", "Telemetry", "WebSocketWire"]),
    program(
      "tickertape",
      [
        "LocalGateway", "Access", "AWS", "CLinux", "ConnectionStore", "Connections", "EventLog", "Frames",
        "LambdaEvents", "TableBackends", "ManagementAPI", "HTTPClient", "HTTPWire", "JSON", "Messaging",
        "StreamClient", "Telemetry", "WebSocketWire",
      ]),

    // Tests: a target a room, and what they share
    .target(
      name: "TestSupport",
      dependencies: ["CLinux", "ConnectionStore", "Connections", "Frames", "Messaging", "Telemetry"],
      path: "Tests/TestSupport", swiftSettings: strict),
    testProgram("EchoBootstrap", ["LambdaRuntime", "JSON", "Telemetry"]),
    testProgram("StreamBootstrap", ["LambdaRuntime", "LambdaEvents"]),
    testProgram("TestBootstrap", ["HTTPWire"]),
    testProgram("ManagementProbe", ["ManagementAPI", "HTTPClient", "Messaging", "Telemetry"]),
    tests("JSONTests", ["JSON", "TestSupport"]),
    tests("MessagingTests", ["Frames", "Messaging", "JSON", "TestSupport"]),
    tests("TelemetryTests", ["Telemetry", "JSON", "TestSupport"]),
    tests("HTTPWireTests", ["HTTPWire", "TestSupport"]),
    tests("WebSocketWireTests", ["WebSocketWire", "TestSupport"]),
    tests("LambdaEventsTests", ["LambdaEvents", "HTTPWire", "JSON", "Messaging", "TestSupport"]),
    tests("FramesTests", ["Frames", "CZlib", "JSON", "Messaging", "TestSupport"]),
    tests("AWSTests", ["AWS", "Crypto", "HTTPClient", "JSON", "Telemetry", "TestSupport"]),
    tests("HTTPClientTests", ["HTTPClient", "HTTPWire", "Telemetry", "TestSupport"]),
    tests("LambdaRuntimeTests", ["LambdaRuntime", "HTTPWire", "JSON", "Telemetry", "TestSupport"]),
    tests(
      "ConnectionStoreTests",
      [
        "AWS", "Access", "Connections", "ConnectionStore", "TableBackends", "HTTPClient", "HTTPWire", "JSON", "CLinux",
        "Messaging", "TableStress", "Telemetry", "TestSupport",
      ]),
    testProgram("TableStress", ["ConnectionStore", "TableBackends"]),
    tests(
      "ManagementAPITests",
      ["ManagementAPI", "AWS", "HTTPClient", "HTTPWire", "Messaging", "Telemetry", "TestSupport"]),
    tests("CryptoTests", ["Crypto", "Messaging", "TestSupport"]),
    tests(
      "AccessTests",
      ["Access", "ConnectionStore", "Crypto", "HTTPClient", "JSON", "Messaging", "Telemetry", "TestSupport"]),
    tests(
      "TickertapeHandlersTests",
      [
        "TickertapeHandlers", "AWS", "ConnectionStore", "Connections", "HTTPClient", "LambdaEvents", "LambdaRuntime",
        "ManagementAPI", "Messaging", "Telemetry", "TestSupport",
      ]),
    tests("DeliveryTests", ["Delivery", "Frames", "ManagementAPI", "Messaging", "Telemetry", "TestSupport"]),
    tests(
      "StreamClientTests", ["StreamClient", "JSON", "Messaging", "Frames", "Telemetry", "TestSupport"],
      excluding: ["Vectors"]),
    testProgram("LogStress", ["TableBackends", "Messaging", "Connections", "EventLog", "Telemetry"]),
    tests(
      "ConnectionsTests",
      [
        "Delivery", "EventLog", "Connections", "ConnectionStore", "Crypto", "Frames", "Messaging", "JSON", "Telemetry",
        "TestSupport",
      ]),
    tests(
      "EventLogTests",
      [
        "Access", "Connections", "EventLog", "Frames", "LogStress", "Publisher", "Delivery", "ConnectionStore",
        "TableBackends",
        "Crypto", "Messaging", "JSON", "Telemetry", "TestSupport",
      ]),
    tests(
      "HandlerTests",
      [
        "Access", "Crypto", "ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher", "StreamHandler",
        "CZlib", "Connections",
        "EventLog", "Delivery", "AWS", "Frames", "ManagementAPI", "LambdaEvents", "HTTPClient", "ConnectionStore",
        "TableBackends", "LambdaRuntime", "Messaging", "JSON", "Telemetry", "TestSupport",
      ]),
    tests(
      "ModelTests",
      [
        "DefaultHandler", "Publisher", "StreamClient", "Connections", "EventLog", "Delivery", "AWS", "LambdaEvents",
        "ConnectionStore", "LambdaRuntime", "ManagementAPI", "Messaging", "JSON", "Telemetry", "TestSupport",
      ]),
    tests(
      "LocalGatewayTests",
      [
        "LocalGateway", "LambdaEvents", "HTTPWire", "JSON", "Messaging", "Telemetry", "TestBootstrap", "TestSupport",
        "WebSocketWire",
      ]),
    tests(
      "TickertapeTests",
      [
        "tickertape", "Access", "ConnectionStore", "TableBackends", "LocalGateway", "AWS", "HTTPClient", "HTTPWire",
        "JSON", "LambdaEvents", "Messaging", "StreamClient", "Connections", "EventLog", "Telemetry", "TestSupport",
        "WebSocketWire",
      ]),
  ]
)

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
  linking libraries: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: path ?? "Sources/\(name)",
    resources: files.map { .embedInCode($0) }, swiftSettings: strict,
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func program(_ name: String, _ dependencies: [String]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) }, path: "Sources/\(name)",
    swiftSettings: strict)
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
    benchmark("DecodeBootstrap", in: "lambda", ["LambdaRuntime", "GatewayEvents"]),
    benchmark(
      "DeliveryBenchmark", in: "delivery",
      ["Delivery", "GatewayAccess", "HTTPClient", "ManagementAPI", "Messaging", "Telemetry"]),
    benchmark("SignatureBenchmark", in: "signed", ["AWSSigning"]),
    benchmark("StreamBenchmark", in: "streams", ["ConnectionStoreSQLite", "Messaging", "Shaping", "Streams"]),
  ]

let package = Package(
  name: "tickertape",
  products: [
    .library(name: "LambdaRuntime", targets: ["LambdaRuntime"]),
    .executable(name: "ConnectHandler", targets: ["ConnectHandler"]),
    .executable(name: "DisconnectHandler", targets: ["DisconnectHandler"]),
    .executable(name: "DefaultHandler", targets: ["DefaultHandler"]),
    .executable(name: "Publisher", targets: ["Publisher"]),
    .executable(name: "tickertape", targets: ["tickertape"]),
  ],
  targets: cLibraries + benchmarks + [
    // Floor 1
    room("JSON"),
    room("Messaging", ["JSON"]),
    room("Telemetry", ["JSON"]),
    room("Crypto", ["CCrypto"]),
    room("HTTPWire"),
    room("WebSocketWire", ["CWslay", "CCrypto"], linking: ["wslay"]),
    // Floor 2
    room("GatewayEvents", ["JSON", "Messaging"]),
    room("EventSources", ["Crypto", "JSON", "Messaging"]),
    room("ConnectionStore", path: "Sources/ConnectionStore/Contract"),
    room("Shaping", ["CZlib", "JSON", "Messaging"]),
    room("HTTPClient", ["CCurl", "HTTPWire", "Telemetry"]),
    room("AWSSigning", ["Crypto", "HTTPWire", "Telemetry"]),
    // Floor 3
    room("AWSCredentials", ["AWSSigning", "HTTPClient", "JSON", "Telemetry"]),
    room("AWSClient", ["AWSSigning", "HTTPClient", "Telemetry"]),
    room("StreamClient", ["JSON", "Messaging", "Shaping", "Telemetry"]),
    room("LambdaRuntime", path: "Sources/Runtime", ["HTTPWire", "JSON", "Telemetry"]),
    room("ManagementAPI", ["AWSSigning", "CLinux", "HTTPClient", "HTTPWire", "JSON", "Messaging", "Telemetry"]),
    room("ConnectionStoreMemory", path: "Sources/ConnectionStore/Memory", ["ConnectionStore", "Telemetry"]),
    room(
      "ConnectionStoreSQLite", path: "Sources/ConnectionStore/SQLite", ["ConnectionStore", "CSQLite", "Telemetry"]),
    room(
      "ConnectionStoreFaults", path: "Sources/ConnectionStore/Faults", ["ConnectionStore", "JSON", "Telemetry"]),
    room(
      "ConnectionStoreDynamoDB", path: "Sources/ConnectionStore/DynamoDB",
      ["AWSClient", "AWSCredentials", "AWSSigning", "ConnectionStore", "HTTPClient", "JSON", "Messaging", "Telemetry"]),
    room(
      "ConnectionStoreSelection", path: "Sources/ConnectionStore/Selection",
      [
        "ConnectionStore", "ConnectionStoreDynamoDB", "ConnectionStoreFaults", "ConnectionStoreMemory",
        "ConnectionStoreSQLite", "Telemetry",
      ]),
    // Floor 4
    room(
      "Streams", ["ConnectionStore", "Crypto", "JSON", "Messaging", "Telemetry"],
      embedding: ["Types/EventTypes.json"]),
    room("Access", ["ConnectionStore", "Crypto", "HTTPClient", "JSON", "Messaging", "Telemetry"]),
    room("Delivery", ["ManagementAPI", "Messaging", "Telemetry"]),
    room("FunctionInvocation", ["AWSClient", "AWSCredentials", "AWSSigning", "HTTPClient", "Telemetry"]),
    room("GatewayAccess", ["AWSCredentials", "AWSSigning", "HTTPClient", "ManagementAPI", "Telemetry"]),
    // Floors 5 and 6
    program(
      "ConnectHandler",
      [
        "LambdaRuntime", "Access", "ConnectionStore", "FunctionInvocation", "GatewayAccess", "GatewayEvents",
        "ManagementAPI", "Streams", "ConnectionStoreSelection", "Messaging", "JSON", "Telemetry",
      ]),
    program(
      "DisconnectHandler",
      [
        "LambdaRuntime", "GatewayEvents", "Streams", "ConnectionStoreSelection", "ConnectionStore", "Messaging", "JSON",
        "Telemetry",
      ]),
    program(
      "DefaultHandler",
      [
        "LambdaRuntime", "Access", "FunctionInvocation", "GatewayAccess", "GatewayEvents", "Shaping", "Streams",
        "ManagementAPI", "ConnectionStoreSelection", "ConnectionStore", "Messaging", "JSON", "Telemetry",
      ]),
    program(
      "Publisher",
      [
        "LambdaRuntime", "EventSources", "Shaping", "Streams", "Delivery", "FunctionInvocation", "GatewayAccess",
        "ManagementAPI", "ConnectionStore", "ConnectionStoreSelection", "Messaging", "JSON", "Telemetry",
      ]),
    // Beside the house
    room(
      "LocalGateway", ["CLinux", "GatewayEvents", "HTTPWire", "JSON", "Messaging", "Telemetry", "WebSocketWire"]),
    program(
      "tickertape",
      [
        "LocalGateway", "Access", "AWSClient", "AWSCredentials", "AWSSigning", "CLinux", "ConnectionStore",
        "ConnectionStoreDynamoDB", "ConnectionStoreSelection", "GatewayAccess", "HTTPClient", "HTTPWire", "JSON",
        "Messaging", "StreamClient", "Streams", "Telemetry", "WebSocketWire",
      ]),

    // Tests: a target a room, and what they share
    .target(
      name: "TestSupport",
      dependencies: ["CLinux", "ConnectionStore", "ConnectionStoreMemory", "Messaging", "Telemetry"],
      path: "Tests/TestSupport", swiftSettings: strict),
    testProgram("EchoBootstrap", ["LambdaRuntime", "JSON", "Telemetry"]),
    testProgram("TestBootstrap", ["HTTPWire"]),
    testProgram("ManagementProbe", ["GatewayAccess", "HTTPClient", "ManagementAPI", "Messaging", "Telemetry"]),
    tests("JSONTests", ["JSON", "TestSupport"]),
    tests("MessagingTests", ["Messaging", "JSON", "TestSupport"]),
    tests("TelemetryTests", ["Telemetry", "JSON", "TestSupport"]),
    tests("HTTPWireTests", ["HTTPWire", "TestSupport"]),
    tests("WebSocketWireTests", ["WebSocketWire", "TestSupport"]),
    tests("GatewayEventsTests", ["GatewayEvents", "Messaging", "JSON", "TestSupport"]),
    tests("EventSourcesTests", ["EventSources", "JSON", "Messaging", "TestSupport"]),
    tests("HTTPClientTests", ["HTTPClient", "HTTPWire", "Telemetry", "TestSupport"]),
    tests("AWSSigningTests", ["AWSSigning", "Crypto", "JSON", "TestSupport"]),
    tests("AWSCredentialsTests", ["AWSCredentials", "AWSSigning", "Telemetry", "TestSupport"]),
    tests("AWSClientTests", ["AWSClient", "AWSSigning", "HTTPClient", "Telemetry", "TestSupport"]),
    tests("LambdaRuntimeTests", ["LambdaRuntime", "HTTPWire", "JSON", "Telemetry", "TestSupport"]),
    tests(
      "ConnectionStoreTests",
      [
        "AWSClient", "AWSCredentials", "AWSSigning", "ConnectionStore", "ConnectionStoreDynamoDB", "HTTPClient",
        "HTTPWire", "JSON",
        "ConnectionStoreFaults", "ConnectionStoreMemory", "ConnectionStoreSQLite", "ConnectionStoreSelection", "CLinux",
        "TableStress", "Telemetry", "TestSupport",
      ]),
    testProgram("TableStress", ["ConnectionStore", "ConnectionStoreSQLite"]),
    tests(
      "ManagementAPITests",
      ["ManagementAPI", "AWSSigning", "HTTPClient", "HTTPWire", "Messaging", "Telemetry", "TestSupport"]),
    tests(
      "GatewayAccessTests",
      ["GatewayAccess", "AWSSigning", "HTTPClient", "ManagementAPI", "Messaging", "Telemetry", "TestSupport"]),
    tests("CryptoTests", ["Crypto", "Messaging", "TestSupport"]),
    tests(
      "AccessTests",
      [
        "Access", "ConnectionStore", "ConnectionStoreMemory", "Crypto", "HTTPClient", "JSON", "Messaging", "Telemetry",
        "TestSupport",
      ]),
    tests("DeliveryTests", ["Delivery", "ManagementAPI", "Messaging", "Telemetry", "TestSupport"]),
    tests("ShapingTests", ["Shaping", "CZlib", "JSON", "Messaging", "TestSupport"]),
    tests(
      "StreamClientTests", ["StreamClient", "JSON", "Messaging", "Shaping", "Telemetry", "TestSupport"],
      excluding: ["Vectors"]),
    testProgram("LogStress", ["ConnectionStoreSQLite", "Messaging", "Streams", "Telemetry"]),
    tests(
      "StreamsTests",
      [
        "Streams", "LogStress", "Publisher", "Delivery", "ConnectionStore", "ConnectionStoreMemory",
        "ConnectionStoreSQLite", "Crypto", "Messaging", "JSON", "Telemetry", "TestSupport",
      ]),
    tests(
      "HandlerTests",
      [
        "Access", "Crypto", "ConnectHandler", "DisconnectHandler", "DefaultHandler", "Publisher", "Streams", "Delivery",
        "FunctionInvocation", "ManagementAPI", "GatewayEvents", "EventSources", "HTTPClient", "ConnectionStore",
        "ConnectionStoreMemory", "ConnectionStoreSQLite", "LambdaRuntime", "Messaging", "JSON", "Telemetry",
        "TestSupport",
      ]),
    tests(
      "ModelTests",
      [
        "DefaultHandler", "Publisher", "StreamClient", "Streams", "Delivery", "FunctionInvocation", "GatewayEvents",
        "ConnectionStore", "ConnectionStoreMemory", "LambdaRuntime", "Messaging", "JSON", "Telemetry", "TestSupport",
      ]),
    tests(
      "LocalGatewayTests",
      [
        "LocalGateway", "GatewayEvents", "HTTPWire", "JSON", "Messaging", "Telemetry", "TestBootstrap", "TestSupport",
        "WebSocketWire",
      ]),
    tests(
      "TickertapeTests",
      [
        "tickertape", "Access", "ConnectionStore", "ConnectionStoreMemory", "ConnectionStoreSelection", "LocalGateway",
        "AWSSigning", "HTTPClient",
        "HTTPWire", "JSON", "Messaging", "StreamClient", "Streams", "Telemetry", "TestSupport", "WebSocketWire",
      ]),
  ]
)

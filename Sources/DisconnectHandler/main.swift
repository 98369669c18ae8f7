import ConnectionStoreSelection
import LambdaRuntime
import Streams
import Telemetry

LambdaRuntime.run(
  try Disconnect(
    connections: Connections(TableSelection.open(.process), shards: TableSelection.listenerShards(.process)),
    log: Log(.process)),
  help: """
    DisconnectHandler answers $disconnect: it forgets the connection.

    Variables, for example:
    CONNECTION_STORE        the table: sqlite:.tickertape/table.sqlite or dynamodb:TABLE
    AWS_LAMBDA_LOG_LEVEL    DEBUG, INFO, WARN, ERROR
    """)

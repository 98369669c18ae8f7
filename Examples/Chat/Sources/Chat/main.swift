import LambdaRuntime
import TableBackends
import TickertapeHandlers

LambdaRuntime.run(try Chat(callers: Callers(table: TableSelection.open()), publisher: EventPublisher()))

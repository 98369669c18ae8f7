import LambdaRuntime
import TableBackends
import TickertapeHandlers

LambdaRuntime.run(try WhoAmI(callers: Callers(table: TableSelection.open()), publisher: EventPublisher()))

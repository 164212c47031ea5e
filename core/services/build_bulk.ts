/** Bulk operations: what they are asked by, what works them off, what tells of them. */
import type { Database } from "../../db/client.ts";
import type { Config } from "../config/settings.ts";
import { BulkOperations } from "../dispatch/bulk/bulk_operations.ts";
import { BulkRunner } from "../dispatch/bulk/bulk_runner.ts";
import { BulkUpdates } from "../dispatch/bulk/bulk_updates.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { Hub } from "../updates/hub.ts";

export interface BulkSources {
  config: Config;
  database: Database;
  instanceId: string;
  dispatcher: Dispatcher;
  hub: Hub;
  logger: Logger;
}

export interface BulkParts {
  operations: BulkOperations;
  services: readonly Service[];
}

export function buildBulk({ config, database, instanceId, dispatcher, hub, logger }: BulkSources): BulkParts {
  const updates = new BulkUpdates({ database, hub, logger });
  const runner = new BulkRunner({ database, instanceId, dispatcher, logger, onChange: () => updates.touch() });
  const operations = new BulkOperations({
    database,
    maxItems: config.bulkMaxItems,
    itemsPerSecond: config.bulkItemsPerSecond,
    onChange: () => {
      runner.wake();
      updates.touch();
    },
  });
  return { operations, services: [updates, runner] };
}

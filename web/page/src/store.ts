// Three tables in IndexedDB. Where there is none (private windows, denied, broken) memory stands in, so that the
// rest of the page need not care; `durable` tells it.

/** The tables. */
export type Table = "settings" | "devices" | "outbox";

const TABLES: readonly Table[] = ["settings", "devices", "outbox"];
const NAME = "rollcall";
// Some browsers never answer an open. The form does not wait for them for long.
const OPEN_MAX_MS = 3_000;

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Values under keys, in tables. */
export class Store {
  private readonly memory = new Map<string, Map<string, unknown>>();
  private readonly lossListeners: (() => void)[] = [];

  /** Without a database everything is in memory. reopen: opens it again, once it has failed. */
  constructor(
    private db?: IDBDatabase | undefined,
    private readonly reopen?: () => Promise<IDBDatabase | undefined>,
  ) {
    for (const table of TABLES) this.memory.set(table, new Map());
  }

  /** Whether what is put outlives the page. */
  get durable(): boolean {
    return this.db !== undefined;
  }

  /** Calls back when the database is lost while the page is open. */
  onLoss(listener: () => void): void {
    this.lossListeners.push(listener);
  }

  private table(table: Table): Map<string, unknown> {
    return this.memory.get(table) as Map<string, unknown>;
  }

  private async tried<T>(inDatabase: (db: IDBDatabase) => Promise<T>, inMemory: () => T): Promise<T> {
    if (this.db === undefined) return inMemory();
    try {
      return await inDatabase(this.db);
    } catch {
      // Some phones take the database away from a page that was not seen for a while, and give it back.
      this.db = await this.reopen?.();
    }
    if (this.db !== undefined) {
      try {
        return await inDatabase(this.db);
      } catch {
        // It is full, or broken: nothing is promised about it any more.
        this.db = undefined;
      }
    }
    for (const listener of this.lossListeners) listener();
    return inMemory();
  }

  /** The value under a key, or undefined. */
  get<T>(table: Table, key: string): Promise<T | undefined> {
    return this.tried(
      (db) => done(db.transaction(table).objectStore(table).get(key)) as Promise<T | undefined>,
      () => this.table(table).get(key) as T | undefined,
    );
  }

  /** All values of a table. */
  all<T>(table: Table): Promise<T[]> {
    return this.tried(
      (db) => done(db.transaction(table).objectStore(table).getAll()) as Promise<T[]>,
      () => [...this.table(table).values()] as T[],
    );
  }

  /** Changes the value under a key in one step, which no other tab can come between. Undefined deletes. */
  update<T>(table: Table, key: string, change: (old: T | undefined) => T | undefined): Promise<T | undefined> {
    return this.tried(
      async (db) => {
        const transaction = db.transaction(table, "readwrite");
        const end = finished(transaction);
        const store = transaction.objectStore(table);
        const reading = store.get(key) as IDBRequest<T | undefined>;
        let value: T | undefined;
        reading.onsuccess = () => {
          value = change(reading.result);
          if (value === undefined) store.delete(key);
          else store.put(value, key);
        };
        await end;
        // So that what this page knows is not gone with the database.
        this.mirror(table, key, value);
        return value;
      },
      () => this.mirror(table, key, change(this.table(table).get(key) as T | undefined)),
    );
  }

  private mirror<T>(table: Table, key: string, value: T | undefined): T | undefined {
    if (value === undefined) this.table(table).delete(key);
    else this.table(table).set(key, value);
    return value;
  }

  /** Puts a value under a key. */
  async put(table: Table, key: string, value: unknown): Promise<void> {
    await this.update(table, key, () => value);
  }
}

function openDatabase(): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(undefined);
    setTimeout(giveUp, OPEN_MAX_MS);
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        for (const table of TABLES) request.result.createObjectStore(table);
      };
      request.onsuccess = () => {
        // A newer page in another tab may want to change the tables.
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = request.onblocked = giveUp;
    } catch {
      giveUp();
    }
  });
}

/** The store of this page: IndexedDB, or memory where that cannot be had. */
export async function openStore(): Promise<Store> {
  return new Store(await openDatabase(), openDatabase);
}

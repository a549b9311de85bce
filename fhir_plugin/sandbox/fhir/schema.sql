-- One row per resource, current or deleted.
CREATE TABLE IF NOT EXISTS resource (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  UNIQUE (type, id)
);
CREATE INDEX IF NOT EXISTS resource_updated ON resource (type, deleted, updated);

-- Every version; body is the JSON as it was sent, null for a deletion; a Binary's bytes stand beside it.
CREATE TABLE IF NOT EXISTS version (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  method TEXT NOT NULL,
  body TEXT,
  content BLOB,
  UNIQUE (key, version)
);
CREATE INDEX IF NOT EXISTS version_type ON version (type, sequence);

-- What current resources can be found by.
CREATE TABLE IF NOT EXISTS token (
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL, param TEXT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS token_value ON token (type, param, code, system);
CREATE INDEX IF NOT EXISTS token_key ON token (key);
CREATE TABLE IF NOT EXISTS reference (
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL, param TEXT NOT NULL,
  target_type TEXT, target_id TEXT, url TEXT, system TEXT, value TEXT
);
CREATE INDEX IF NOT EXISTS reference_value ON reference (type, param, target_id, target_type);
CREATE INDEX IF NOT EXISTS reference_target ON reference (target_type, target_id);
CREATE INDEX IF NOT EXISTS reference_key ON reference (key);
CREATE TABLE IF NOT EXISTS date (
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL, param TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS date_value ON date (type, param, low, high);
CREATE INDEX IF NOT EXISTS date_key ON date (key);
CREATE TABLE IF NOT EXISTS string (
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL, param TEXT NOT NULL, normal TEXT NOT NULL, exact TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS string_value ON string (type, param, normal);
CREATE INDEX IF NOT EXISTS string_key ON string (key);
CREATE TABLE IF NOT EXISTS uri (
  key INTEGER NOT NULL REFERENCES resource (key) ON DELETE CASCADE,
  type TEXT NOT NULL, param TEXT NOT NULL, uri TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS uri_value ON uri (type, param, uri);
CREATE INDEX IF NOT EXISTS uri_key ON uri (key);

-- What a search found, for the pages after the first.
CREATE TABLE IF NOT EXISTS result (
  token TEXT PRIMARY KEY,
  made INTEGER NOT NULL,
  request TEXT NOT NULL,
  found TEXT NOT NULL
);

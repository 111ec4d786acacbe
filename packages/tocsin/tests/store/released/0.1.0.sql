BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE alerts (
	seq INTEGER NOT NULL, 
	fingerprint TEXT NOT NULL, 
	status TEXT NOT NULL, 
	disposition TEXT NOT NULL, 
	incident TEXT, 
	severity TEXT NOT NULL, 
	started_at BIGINT NOT NULL, 
	recheck_at BIGINT, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (fingerprint)
);
INSERT INTO "alerts" VALUES(1,'a','firing','attached','INC-1','SEV2',1772366400000000000,1772366520000000000,'{"fingerprint":"a","status":"firing","labels":{"alertname":"a","job":"agent-booster"},"annotations":{"summary":"p95 is “high”"},"started_at":"2026-03-01T12:00:00Z","ended_at":null,"seen_at":"2026-03-01T12:00:00Z","component":"agent-booster","severity":"SEV2","rule":"booster-p95","clause":"C3","because":"p95 61 ms > 50 ms","group_key":"agent-booster","disposition":"attached","incident":"INC-1","silence":null,"changes":[],"recheck_at":"2026-03-01T12:02:00Z"}');
INSERT INTO "alerts" VALUES(2,'b','resolved','attached','INC-1','SEV2',1772366400000000000,NULL,'{"fingerprint":"b","status":"resolved","labels":{"alertname":"b","job":"agent-booster"},"annotations":{"summary":"p95 is “high”"},"started_at":"2026-03-01T12:00:00Z","ended_at":"2026-03-01T12:03:00Z","seen_at":"2026-03-01T12:00:00Z","component":"agent-booster","severity":"SEV2","rule":"booster-p95","clause":"C3","because":"p95 61 ms > 50 ms","group_key":"agent-booster","disposition":"attached","incident":"INC-1","silence":null,"changes":[],"recheck_at":null}');
CREATE TABLE attempts (
	intent TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (intent, at)
)
 WITHOUT ROWID

;
INSERT INTO "attempts" VALUES('i',1772366460000000000,'{"intent":"i","at":"2026-03-01T12:01:00Z","outcome":"accepted","detail":"no answer in time","next_at":null}');
INSERT INTO "attempts" VALUES('j',1772366460000000000,'{"intent":"j","at":"2026-03-01T12:01:00Z","outcome":"deferred","detail":"no answer in time","next_at":"2026-03-01T12:02:00Z"}');
INSERT INTO "attempts" VALUES('k',1772366460000000000,'{"intent":"k","at":"2026-03-01T12:01:00Z","outcome":"rejected","detail":"no answer in time","next_at":null}');
CREATE TABLE beats (
	name TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "beats" VALUES('watchdog','{"name":"watchdog","seen_at":"2026-03-01T12:01:00Z","missing_since":null}');
CREATE TABLE events (
	incident TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (incident, number)
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('INC-1',1,'{"type":"incident_declared","at":"2026-03-01T12:00:00Z","incident":"INC-1","title":"Agent Booster is down","component":"agent-booster","severity":"SEV1","evidence":{"rule":"booster-down","clause":"C3","because":"0 % of operations succeed"},"detected_at":"2026-03-01T12:00:00Z","group_key":"agent-booster","playbook_version":"1"}');
INSERT INTO "events" VALUES('INC-1',2,'{"type":"note_added","at":"2026-03-01T12:01:00Z","text":"restarted"}');
INSERT INTO "events" VALUES('INC-2',1,'{"type":"incident_declared","at":"2026-03-01T12:00:00Z","incident":"INC-2","title":"Agent Booster is down","component":"agent-booster","severity":"SEV1","evidence":{"rule":"booster-down","clause":"C3","because":"0 % of operations succeed"},"detected_at":"2026-03-01T12:00:00Z","group_key":"agent-booster","playbook_version":"1"}');
CREATE TABLE incidents (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	version INTEGER NOT NULL, 
	group_key TEXT NOT NULL, 
	resolved_at BIGINT, 
	next_due_at BIGINT, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "incidents" VALUES(1,'INC-1',1,2,'agent-booster',NULL,1772366700000000000,'{"id":"INC-1","title":"Agent Booster is down","severity":"SEV1","stage":"investigating","components":["agent-booster"],"group_key":"agent-booster","opened_at":"2026-03-01T12:00:00Z","resolved_at":null,"closed":false,"acknowledged":false,"commander":"","next_due_at":"2026-03-01T12:05:00Z"}');
INSERT INTO "incidents" VALUES(2,'INC-2',2,1,'agentdb',1772366940000000000,NULL,'{"id":"INC-2","title":"Agent Booster is down","severity":"SEV1","stage":"investigating","components":["agent-booster"],"group_key":"agentdb","opened_at":"2026-03-01T12:00:00Z","resolved_at":"2026-03-01T12:09:00Z","closed":false,"acknowledged":false,"commander":"","next_due_at":null}');
CREATE TABLE intents (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	incident TEXT NOT NULL, 
	rank INTEGER NOT NULL, 
	channel TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	next_at BIGINT, 
	attempts INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "intents" VALUES(1,'i','INC-1',0,'slack',1772366400000000000,'accepted',NULL,1,'{"id":"i","incident":"INC-1","rank":0,"channel":"slack","address":"U123","message":{"kind":"page","subject":"Agent Booster is down","incident":"INC-1","severity":"SEV1"},"created_at":"2026-03-01T12:00:00Z","give_up_at":"2026-03-01T12:01:00Z","method":{"kind":"slack","channel":"slack","address":"U123"},"page":null,"person":"ada"}');
INSERT INTO "intents" VALUES(2,'j','INC-1',0,'email',1772366400000000000,'waiting',1772366520000000000,1,'{"id":"j","incident":"INC-1","rank":0,"channel":"email","address":"U123","message":{"kind":"page","subject":"Agent Booster is down","incident":"INC-1","severity":"SEV1"},"created_at":"2026-03-01T12:00:00Z","give_up_at":"2026-03-01T12:01:00Z","method":{"kind":"slack","channel":"email","address":"U123"},"page":null,"person":"ada"}');
INSERT INTO "intents" VALUES(3,'k','INC-1',0,'slack',1772366400000000000,'dead',NULL,1,'{"id":"k","incident":"INC-1","rank":0,"channel":"slack","address":"U123","message":{"kind":"page","subject":"Agent Booster is down","incident":"INC-1","severity":"SEV1"},"created_at":"2026-03-01T12:00:00Z","give_up_at":"2026-03-01T12:01:00Z","method":{"kind":"slack","channel":"slack","address":"U123"},"page":null,"person":"ada"}');
CREATE TABLE overrides (
	seq INTEGER NOT NULL, 
	ends_at BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (body)
);
INSERT INTO "overrides" VALUES(1,1772370000000000000,'{"rotation":"sre","person":"bo","starts_at":"2026-03-01T12:00:00Z","ends_at":"2026-03-01T13:00:00Z"}');
CREATE TABLE playbooks (
	version TEXT NOT NULL, 
	loaded_at TEXT NOT NULL, 
	rulebook BLOB NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "playbooks" VALUES('1','2026-03-01T12:00:00Z',X'0072756C6573');
CREATE TABLE signals (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	source TEXT NOT NULL, 
	received_at BIGINT NOT NULL, 
	alerts INTEGER NOT NULL, 
	handled_at BIGINT, 
	outcome TEXT, 
	body BLOB NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "signals" VALUES(1,'waiting','alertmanager',1772366400000000000,1,NULL,NULL,X'007B7D');
INSERT INTO "signals" VALUES(2,'done','alertmanager',1772366400000000000,1,1772366460000000000,'{"signal":"done","at":"2026-03-01T12:01:00Z","outcome":{"attached":1}}',X'7B22616C65727473223A5B5D7D');
CREATE TABLE silences (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	over_at BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "silences" VALUES(1,'rebuild',1772370000000000000,'{"id":"rebuild","kind":"maintenance","matchers":[{"label":"job","value":"agentdb","is_regex":false,"is_equal":true}],"starts_at":"2026-03-01T12:00:00Z","ends_at":"2026-03-01T13:00:00Z","author":"ada","reason":"index rebuild","ended_early_at":null}');
CREATE TABLE tokens (
	seq INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "tokens" VALUES(1,'laptop','{"id":"laptop","name":"laptop''s laptop","role":"responder","person":"ada","secret_hash":"hash of laptop","created_at":"2026-03-01T12:00:00Z","revoked_at":null}');
CREATE INDEX signals_waiting ON signals (seq, handled_at) WHERE handled_at IS NULL;
CREATE INDEX alerts_of_incident ON alerts (incident, status, started_at DESC, severity) WHERE incident IS NOT NULL;
CREATE INDEX alerts_unaccounted ON alerts (seq) WHERE status = 'firing' AND disposition = 'attached' AND incident IS NULL;
CREATE INDEX alerts_to_recheck ON alerts (recheck_at, fingerprint) WHERE recheck_at IS NOT NULL;
CREATE INDEX incidents_group ON incidents (group_key, seq);
CREATE INDEX incidents_number ON incidents (number);
CREATE INDEX incidents_due ON incidents (next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX incidents_open ON incidents (seq, next_due_at, resolved_at) WHERE resolved_at IS NULL;
CREATE INDEX intents_by_rank ON intents (rank, created_at, seq, next_at, channel, state) WHERE state = 'waiting';
CREATE INDEX intents_due ON intents (next_at, state) WHERE state = 'waiting';
CREATE INDEX intents_of_incident ON intents (incident, seq);
CREATE INDEX intents_dead ON intents (seq, state) WHERE state = 'dead';
COMMIT;

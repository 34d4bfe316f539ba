"""What the sandbox keeps for the environment `compose` of the practice Tiki pipeline: `prepare()`, `down()`.

    .local/tiki_pipeline/          0700
        keys.json                  0600; random passwords, made once
        *.port                     the published ports
        repository/                the practice repository (history.py), to clone from
        target/                    SANDBOX_TIKI_ROOT: what is deployed; `shared/` belongs to the environment
        target/shared/.env         0600; what Compose reads: the release links to it
        target/shared/sandbox.yml  a further Compose file: this machine's stand-ins for the images' own content
    .local/tiki_pipeline.env       0600; the variables below

The variables:

    SANDBOX_TIKI_ROOT              the folder to deploy to
    SANDBOX_TIKI_REPOSITORY        the repository to deploy from (branch main; history.BRANCHES)
    SANDBOX_TIKI_PROJECT           the Compose project's name
    SANDBOX_TIKI_COMPOSE           the command of Compose: `docker compose`
    SANDBOX_TIKI_OVERRIDE          the absolute path of sandbox.yml: the last of the Compose files
    SANDBOX_TIKI_DOCKER_HOST       the Engine's address: unix:///var/run/docker.sock
    SANDBOX_TIKI_DOCKER_SOCKET     the same as a path: /var/run/docker.sock
    SANDBOX_TIKI_POSTGRES_PORT     published on 127.0.0.1
    SANDBOX_TIKI_POSTGRES_USER     the one role of the stack: it owns both databases and may create others
    SANDBOX_TIKI_POSTGRES_PASSWORD
    SANDBOX_TIKI_POSTGRES_BIN      the folder of psql, pg_dump, pg_restore, of the server's version
    SANDBOX_TIKI_DATABASE_URL      database crawl_data
    SANDBOX_TIKI_DATABASE_ADMIN_URL  the same, with the right to create and rename databases
    SANDBOX_TIKI_METADATA_URL      database airflow
    SANDBOX_TIKI_METADATA_ADMIN_URL
    SANDBOX_TIKI_REDIS_PORT        published on 127.0.0.1
    SANDBOX_TIKI_REDIS_PASSWORD
    SANDBOX_TIKI_REDIS_URL         database 0, Celery's broker
    SANDBOX_TIKI_CACHE_URL         database 1, the crawler's cache
    SANDBOX_TIKI_API_PORT          published on 127.0.0.1
    SANDBOX_TIKI_API_URL           http://127.0.0.1:PORT
    SANDBOX_TIKI_AIRFLOW_USER      who logs in there (FAB, role Admin)
    SANDBOX_TIKI_AIRFLOW_PASSWORD
    SANDBOX_TIKI_SHOP_PORT         the practice shop, on 127.0.0.1; its own Compose project `<project>-shop`

The release needs `shared` links for `.env`, `logs` and `data`. Compose files of a release, in order: docker-compose.yml,
docker-compose.performance.yml, then SANDBOX_TIKI_OVERRIDE. Stateful services: postgres, redis. The others:
airflow-init (runs once and ends with 0), airflow-apiserver, airflow-scheduler, airflow-dag-processor, airflow-worker.
Migrations: layout `sql`, folder `migrations`, database crawl_data (DATABASE_URL).
"""

"""A real WordPress with the plugin in it: Debian's, served by PHP itself, on a MariaDB of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.databases import PROJECT
from tests.deploy.proxies import Proxy, binary
from tests.engines import Engine, free_port

PLUGIN = PROJECT / "integrations" / "wordpress" / "reader-reactions"
SOURCE = Path("/usr/share/wordpress")
PROGRAMS = [binary(name) for name in ("php", "mariadbd", "mariadb-install-db", "mariadb")]
ADMIN, PASSWORD = "editor", "a password that only tests use"
THEME = {
    "style.css": "/*\nTheme Name: Plain\n*/",
    "functions.php": "<?php add_theme_support( 'title-tag' );",
    "index.php": """<!doctype html>
<html lang="en">
<head><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"><?php wp_head(); ?></head>
<body><main>
<?php while ( have_posts() ) { the_post(); ?>
<article><h1><?php the_title(); ?></h1><?php is_singular() ? the_content() : the_excerpt(); ?></article>
<?php } ?>
</main><?php wp_footer(); ?></body>
</html>""",
}
CONFIG = """<?php
define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', 'localhost:{socket}' );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $name ) {{
	define( $name . '_KEY', $name );
	define( $name . '_SALT', $name );
}}
define( 'WP_HOME', '{url}' );
define( 'WP_SITEURL', '{url}' );
define( 'DISABLE_WP_CRON', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'WP_DEBUG', true );
define( 'WP_DEBUG_DISPLAY', false );
define( 'WP_DEBUG_LOG', '{log}' );
$table_prefix = 'wp_';
if ( ! defined( 'ABSPATH' ) ) {{
	define( 'ABSPATH', __DIR__ . '/' );
}}
require_once ABSPATH . 'wp-settings.php';
"""
INSTALL = """
define( 'WP_INSTALLING', true );
require 'wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install( 'The Daily', 'editor', 'editor@daily.example', true, '', 'a password that only tests use' );
switch_theme( 'plain' );
wp_delete_post( 1, true );
require_once ABSPATH . 'wp-admin/includes/plugin.php';
$failed = activate_plugin( 'reader-reactions/reader-reactions.php' );
echo null === $failed ? 'ready' : $failed->get_error_message();
"""
DUE = """
define( 'DOING_CRON', true );
foreach ( wp_get_ready_cron_jobs() as $at => $hooks ) {
	foreach ( $hooks['reader_reactions_describe'] ?? array() as $one ) {
		wp_unschedule_event( $at, 'reader_reactions_describe', $one['args'] );
		do_action_ref_array( 'reader_reactions_describe', $one['args'] );
	}
}
"""


def is_installed() -> bool:
    """True where all that it takes is there: Debian's wordpress, php-cli, php-mysql and mariadb-server."""
    return all(PROGRAMS) and SOURCE.is_dir()


class MariaDB(Engine):
    """A MariaDB that answers on a socket only."""

    def __init__(self) -> None:
        _, server, install, self._client = map(str, PROGRAMS)
        super().__init__(Path(server).parent, Path(server).name)
        self.socket = self.folder / "s"
        self._data = self.folder / "data"
        self.run(
            install, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal", "--skip-test-db"
        )

    def _within_reach(self, binaries: Path, program: str) -> Path:
        return binaries

    def command(self) -> list[str]:
        options = ["--no-defaults", f"--datadir={self._data}", f"--socket={self.socket}", "--skip-networking"]
        return [str(PROGRAMS[1]), *options, "--innodb-flush-log-at-trx-commit=0", f"--pid-file={self.folder / 'pid'}"]

    def answers(self) -> bool:
        return self._say("SELECT 1") == 0

    def create_database(self) -> None:
        assert self._say("CREATE DATABASE wordpress") == 0

    def _say(self, statement: str) -> int:
        command = [self._client, "--no-defaults", f"--socket={self.socket}", "--user=root", "-e", statement]
        return subprocess.run(command, capture_output=True, check=False).returncode


class WordPress(Proxy):
    """An installed WordPress; `run_php` runs a piece of PHP inside of it."""

    def __init__(self, database: MariaDB) -> None:
        super().__init__(Path(str(PROGRAMS[0])).parent, "php")
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.root = self.folder / "wordpress"
        self.log = self.folder / "debug.log"
        shutil.copytree(SOURCE, self.root, ignore=shutil.ignore_patterns("languages", "plugins", "uploads", "wp-config.php"))
        shutil.copytree(PLUGIN, self.root / "wp-content" / "plugins" / "reader-reactions")
        theme = self.root / "wp-content" / "themes" / "plain"
        theme.mkdir(parents=True)
        for name, text in THEME.items():
            (theme / name).write_text(text, encoding="utf-8")
        config = CONFIG.format(socket=database.socket, url=self.url, log=self.log)
        (self.root / "wp-config.php").write_text(config, encoding="utf-8")
        if self.account:
            subprocess.run(["chown", "-R", f"{self.account['user']}:{self.account['group']}", str(self.root)], check=True)

    def command(self) -> list[str]:
        return [str(PROGRAMS[0]), "-S", f"localhost:{self.port}", "-t", str(self.root)]

    def install(self) -> None:
        assert self.run_php(INSTALL).endswith("ready")

    def run_php(self, code: str) -> str:
        """Run PHP from WordPress's folder; return what it writes."""
        command = [str(PROGRAMS[0]), "-d", "display_errors=stderr", "-r", code]
        environ = {**os.environ, "PHP_CLI_SERVER_WORKERS": "4"}
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True, env=environ, **self.account)
        assert "Fatal" not in done.stderr, done.stderr
        return done.stdout

    def inside(self, code: str) -> str:
        """The same with WordPress loaded."""
        return self.run_php(f"require 'wp-load.php'; {code}")

    def configure(self, **settings: Any) -> None:
        """Set the plugin's settings."""
        self.inside(
            f"update_option( 'reader_reactions', json_decode( '{json.dumps(settings)}', true ) + READER_REACTIONS_DEFAULTS );"
        )

    def publish(self, title: str, content: str = "A text.", **more: Any) -> int:
        """Publish a post; return its number."""
        post = {"post_title": title, "post_content": content, "post_status": "publish", "post_author": 1, **more}
        return int(self.inside(f"echo wp_insert_post( json_decode( '{json.dumps(post)}', true ) );"))

    def run_schedule(self) -> None:
        """Do what is due, as WordPress does it at a later visit."""
        self.inside(DUE)

    def complaints(self) -> str:
        """What PHP has complained of."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

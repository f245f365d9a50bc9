<?php
/**
 * Leave nothing behind.
 *
 * @package ReaderReactions
 */

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

delete_option( 'reader_reactions' );
delete_option( 'reader_reactions_fault' );
wp_unschedule_hook( 'reader_reactions_describe' );

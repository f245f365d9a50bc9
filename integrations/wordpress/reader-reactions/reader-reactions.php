<?php
/**
 * Plugin Name: Reader Reactions
 * Description: The row “What’s your reaction?” below posts, counts in lists, and articles described to the newsroom’s dashboard.
 * Version: 1.0.0
 * Requires at least: 6.1
 * Requires PHP: 7.4
 * License: MIT
 * Text Domain: reader-reactions
 *
 * @package ReaderReactions
 */

defined( 'ABSPATH' ) || exit;

require_once __DIR__ . '/settings.php';
require_once __DIR__ . '/descriptions.php';

add_action( 'wp_enqueue_scripts', 'reader_reactions_enqueue' );
add_filter( 'script_loader_tag', 'reader_reactions_async', 10, 2 );
add_filter( 'the_content', 'reader_reactions_below', 20 );
add_filter( 'the_excerpt', 'reader_reactions_in_lists', 20 );
add_shortcode( 'reactions', 'reader_reactions_row' );

/** The post’s key as an article: its number, which never changes. */
function reader_reactions_key( int $post_id ): string {
	return (string) $post_id;
}

/** Load the widget, once, where the plugin is set up. */
function reader_reactions_enqueue(): void {
	if ( reader_reactions_is_set_up() ) {
		// The service says itself how long a browser keeps the file, so it has no version of ours.
		wp_enqueue_script( 'reader-reactions', reader_reactions_setting( 'service' ) . '/widget/v1.js', array(), null, false ); // phpcs:ignore WordPress.WP.EnqueuedResourceParameters
	}
}

/** A page never waits for the widget. */
function reader_reactions_async( string $tag, string $handle ): string {
	return 'reader-reactions' === $handle && false === strpos( $tag, ' async' ) ? str_replace( ' src=', ' async src=', $tag ) : $tag;
}

/** The row of a post, as the shortcode [reactions] places it. */
function reader_reactions_row(): string {
	return reader_reactions_tag( 'reader-reactions' );
}

/** A post with its row below, where that is wanted and no shortcode places it. */
function reader_reactions_below( string $content ): string {
	$whole = is_singular( reader_reactions_setting( 'types' ) ) && in_the_loop() && is_main_query();
	if ( ! $whole || ! reader_reactions_setting( 'below' ) || has_shortcode( get_post()->post_content, 'reactions' ) ) {
		return $content;
	}
	return $content . reader_reactions_row();
}

/** An excerpt in a list, with the number of reactions. */
function reader_reactions_in_lists( string $excerpt ): string {
	$listed = ! is_singular() && ! is_feed() && ! is_admin() && in_the_loop() && reader_reactions_setting( 'lists' );
	return $listed ? $excerpt . '<p>' . reader_reactions_tag( 'reaction-count' ) . '</p>' : $excerpt;
}

/** One of the widget’s elements for the post in the loop; nothing where the plugin is not set up, or in a feed. */
function reader_reactions_tag( string $element ): string {
	$post = get_post();
	if ( null === $post || is_feed() || 'publish' !== $post->post_status || ! reader_reactions_is_set_up() ) {
		return '';
	}
	return sprintf(
		'<%1$s site="%2$s" article="%3$s"></%1$s>',
		$element,
		esc_attr( reader_reactions_setting( 'site' ) ),
		esc_attr( reader_reactions_key( $post->ID ) )
	);
}

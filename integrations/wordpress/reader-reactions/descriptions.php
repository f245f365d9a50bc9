<?php
/**
 * Descriptions: when a post is published or changed, the service learns its title, address, section, authors and tags.
 *
 * Saving a post never waits for the service. A description is sent by WordPress’s own schedule, and again later if the service
 * does not answer.
 *
 * @package ReaderReactions
 */

defined( 'ABSPATH' ) || exit;

const READER_REACTIONS_DESCRIBE = 'reader_reactions_describe';
const READER_REACTIONS_FAULT = 'reader_reactions_fault';
const READER_REACTIONS_AGAIN_S = array( 60, 300, 1800, 7200, 43200 );

add_action( 'wp_after_insert_post', 'reader_reactions_schedule', 10, 2 );
add_action( READER_REACTIONS_DESCRIBE, 'reader_reactions_describe', 10, 2 );

/** Describe a post soon, if it can be read. */
function reader_reactions_schedule( int $post_id, WP_Post $post ): void {
	$is_article = in_array( $post->post_type, reader_reactions_setting( 'types' ), true );
	if ( $is_article && 'publish' === $post->post_status && '' !== reader_reactions_setting( 'key' ) && reader_reactions_is_set_up() ) {
		reader_reactions_send_in( 0, $post_id, 0 );
	}
}

/** Send a post’s description; if nothing answers, or the service is busy, send it again later. */
function reader_reactions_describe( int $post_id, int $tries = 0 ): void {
	$post = get_post( $post_id );
	if ( null === $post || 'publish' !== $post->post_status ) {
		return;
	}
	$answer = wp_remote_request(
		reader_reactions_setting( 'service' ) . '/v1/sites/' . reader_reactions_setting( 'site' ) . '/articles',
		array(
			'method'  => 'PUT',
			'timeout' => 10,
			'headers' => array(
				'Authorization' => 'Bearer ' . reader_reactions_setting( 'key' ),
				'Content-Type'  => 'application/json',
			),
			'body'    => wp_json_encode( array( 'articles' => array( reader_reactions_description( $post ) ) ) ),
		)
	);
	$status = is_wp_error( $answer ) ? 0 : wp_remote_retrieve_response_code( $answer );
	if ( 200 === $status ) {
		delete_option( READER_REACTIONS_FAULT );
		return;
	}
	update_option( READER_REACTIONS_FAULT, reader_reactions_reason( $answer ), false );
	$may_pass = 0 === $status || 429 === $status || $status >= 500;
	if ( $may_pass && isset( READER_REACTIONS_AGAIN_S[ $tries ] ) ) {
		reader_reactions_send_in( READER_REACTIONS_AGAIN_S[ $tries ], $post_id, $tries + 1 );
	}
}

/** What the service is told of a post. */
function reader_reactions_description( WP_Post $post ): array {
	$sections = get_the_category( $post->ID );
	$tags     = get_the_tags( $post->ID );
	$author   = get_the_author_meta( 'display_name', (int) $post->post_author );
	$told     = array(
		'key'          => reader_reactions_key( $post->ID ),
		'title'        => reader_reactions_text( get_the_title( $post ) ),
		'url'          => get_permalink( $post ),
		'section'      => $sections ? reader_reactions_text( $sections[0]->name ) : null,
		'authors'      => '' === $author ? array() : array( reader_reactions_text( $author ) ),
		'tags'         => $tags ? array_map( 'reader_reactions_text', wp_list_pluck( $tags, 'name' ) ) : array(),
		'published_at' => get_post_datetime( $post )->format( DATE_ATOM ),
	);
	return '' === $told['title'] ? array_diff_key( $told, array( 'title' => '' ) ) : $told;
}

/** Text without the marks that it has for a page. */
function reader_reactions_text( string $html ): string {
	return trim( html_entity_decode( wp_strip_all_tags( $html, true ), ENT_QUOTES | ENT_HTML5, 'UTF-8' ) );
}

function reader_reactions_send_in( int $seconds, int $post_id, int $tries ): void {
	wp_clear_scheduled_hook( READER_REACTIONS_DESCRIBE, array( $post_id, $tries ) );
	wp_schedule_single_event( time() + $seconds, READER_REACTIONS_DESCRIBE, array( $post_id, $tries ) );
}

/**
 * Why a description was not taken, in the service’s words where it has some.
 *
 * @param array|WP_Error $answer The answer, or that there was none.
 */
function reader_reactions_reason( $answer ): string {
	if ( is_wp_error( $answer ) ) {
		return __( 'the service does not answer.', 'reader-reactions' );
	}
	$problem = json_decode( wp_remote_retrieve_body( $answer ), true );
	return is_array( $problem ) && isset( $problem['detail'] ) ? (string) $problem['detail'] : (string) wp_remote_retrieve_response_code( $answer );
}

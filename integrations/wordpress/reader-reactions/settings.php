<?php
/**
 * The settings: Settings → Reader Reactions.
 *
 * @package ReaderReactions
 */

defined( 'ABSPATH' ) || exit;

const READER_REACTIONS_OPTION = 'reader_reactions';
const READER_REACTIONS_DEFAULTS = array(
	'service' => '',
	'site'    => '',
	'key'     => '',
	'below'   => true,
	'lists'   => true,
	'types'   => array( 'post' ),
);

add_action( 'admin_init', 'reader_reactions_register_settings' );
add_action( 'admin_menu', 'reader_reactions_add_page' );
add_filter( 'plugin_action_links_' . plugin_basename( __DIR__ . '/reader-reactions.php' ), 'reader_reactions_settings_link' );

/**
 * The present value of a setting.
 *
 * @return mixed
 */
function reader_reactions_setting( string $name ) {
	$stored = get_option( READER_REACTIONS_OPTION, array() );
	$values = ( is_array( $stored ) ? $stored : array() ) + READER_REACTIONS_DEFAULTS;
	return $values[ $name ];
}

/** True once the service’s address and the site’s key are known. */
function reader_reactions_is_set_up(): bool {
	return '' !== reader_reactions_setting( 'service' ) && '' !== reader_reactions_setting( 'site' );
}

function reader_reactions_register_settings(): void {
	register_setting(
		'reader-reactions',
		READER_REACTIONS_OPTION,
		array(
			'type'              => 'array',
			'sanitize_callback' => 'reader_reactions_sanitize',
			'default'           => READER_REACTIONS_DEFAULTS,
		)
	);
}

/**
 * What was sent, as it is stored. A value that cannot be is named, and the old one stays.
 *
 * @param mixed $sent The fields of the form.
 */
function reader_reactions_sanitize( $sent ): array {
	$sent   = is_array( $sent ) ? $sent : array();
	$chosen = array(
		'service' => untrailingslashit( esc_url_raw( trim( $sent['service'] ?? '' ), array( 'http', 'https' ) ) ),
		'site'    => trim( $sent['site'] ?? '' ),
		'key'     => trim( $sent['key'] ?? '' ),
		'below'   => ! empty( $sent['below'] ),
		'lists'   => ! empty( $sent['lists'] ),
		'types'   => array_values( array_intersect( (array) ( $sent['types'] ?? array() ), array_keys( reader_reactions_types() ) ) ),
	);
	if ( '' === $chosen['key'] ) {
		$chosen['key'] = empty( $sent['forget_key'] ) ? reader_reactions_setting( 'key' ) : ''; // It is never shown, so an empty field keeps it.
	}
	if ( '' === $chosen['service'] && '' !== trim( $sent['service'] ?? '' ) ) {
		reader_reactions_refuse( 'service', __( 'The address of the service begins with https://.', 'reader-reactions' ) );
		$chosen['service'] = reader_reactions_setting( 'service' );
	}
	if ( ! preg_match( '/^([a-z0-9-]{1,63})?$/D', $chosen['site'] ) ) {
		reader_reactions_refuse( 'site', __( 'The key of the site has small letters, digits and hyphens, as in “daily”.', 'reader-reactions' ) );
		$chosen['site'] = reader_reactions_setting( 'site' );
	}
	return $chosen;
}

function reader_reactions_refuse( string $field, string $why ): void {
	add_settings_error( READER_REACTIONS_OPTION, $field, $why . ' ' . __( 'The old value stays.', 'reader-reactions' ) );
}

/** Public kinds of posts by name, with their labels. */
function reader_reactions_types(): array {
	$types = get_post_types( array( 'public' => true ), 'objects' );
	unset( $types['attachment'] );
	return wp_list_pluck( $types, 'label' );
}

function reader_reactions_add_page(): void {
	$title = __( 'Reader Reactions', 'reader-reactions' );
	add_options_page( $title, $title, 'manage_options', 'reader-reactions', 'reader_reactions_page' );
}

function reader_reactions_settings_link( array $links ): array {
	$link = sprintf( '<a href="%s">%s</a>', esc_url( admin_url( 'options-general.php?page=reader-reactions' ) ), esc_html__( 'Settings', 'reader-reactions' ) );
	return array_merge( array( $link ), $links );
}

/** The page. It says whether the service answers for the site, and what became of the last description. */
function reader_reactions_page(): void {
	$name = READER_REACTIONS_OPTION;
	?>
	<div class="wrap">
		<h1><?php esc_html_e( 'Reader Reactions', 'reader-reactions' ); ?></h1>
		<?php foreach ( reader_reactions_state() as $line ) : ?>
			<p><?php echo esc_html( $line ); ?></p>
		<?php endforeach; ?>
		<form action="options.php" method="post">
			<?php settings_fields( 'reader-reactions' ); ?>
			<table class="form-table" role="presentation">
				<tr>
					<th scope="row"><label for="rr-service"><?php esc_html_e( 'Address of the service', 'reader-reactions' ); ?></label></th>
					<td><input id="rr-service" class="regular-text" type="url" name="<?php echo esc_attr( $name ); ?>[service]" value="<?php echo esc_attr( reader_reactions_setting( 'service' ) ); ?>" placeholder="https://reactions.example.org"></td>
				</tr>
				<tr>
					<th scope="row"><label for="rr-site"><?php esc_html_e( 'Key of the site', 'reader-reactions' ); ?></label></th>
					<td><input id="rr-site" class="regular-text" type="text" name="<?php echo esc_attr( $name ); ?>[site]" value="<?php echo esc_attr( reader_reactions_setting( 'site' ) ); ?>" placeholder="daily"></td>
				</tr>
				<tr>
					<th scope="row"><label for="rr-key"><?php esc_html_e( 'API key', 'reader-reactions' ); ?></label></th>
					<td>
						<input id="rr-key" class="regular-text" type="password" autocomplete="off" name="<?php echo esc_attr( $name ); ?>[key]" placeholder="<?php echo esc_attr( '' === reader_reactions_setting( 'key' ) ? '' : __( 'stored; leave empty to keep it', 'reader-reactions' ) ); ?>">
						<p class="description"><?php esc_html_e( 'With the scope “write”. With it, posts are described to the dashboard when they are published.', 'reader-reactions' ); ?></p>
						<label><input type="checkbox" name="<?php echo esc_attr( $name ); ?>[forget_key]" value="1"> <?php esc_html_e( 'Forget the stored key', 'reader-reactions' ); ?></label>
					</td>
				</tr>
				<tr>
					<th scope="row"><?php esc_html_e( 'Where', 'reader-reactions' ); ?></th>
					<td>
						<label><input type="checkbox" name="<?php echo esc_attr( $name ); ?>[below]" value="1" <?php checked( reader_reactions_setting( 'below' ) ); ?>> <?php esc_html_e( 'A row below each article', 'reader-reactions' ); ?></label><br>
						<label><input type="checkbox" name="<?php echo esc_attr( $name ); ?>[lists]" value="1" <?php checked( reader_reactions_setting( 'lists' ) ); ?>> <?php esc_html_e( 'The number of reactions in lists', 'reader-reactions' ); ?></label>
					</td>
				</tr>
				<tr>
					<th scope="row"><?php esc_html_e( 'Articles are', 'reader-reactions' ); ?></th>
					<td>
						<?php foreach ( reader_reactions_types() as $type => $label ) : ?>
							<label><input type="checkbox" name="<?php echo esc_attr( $name ); ?>[types][]" value="<?php echo esc_attr( $type ); ?>" <?php checked( in_array( $type, reader_reactions_setting( 'types' ), true ) ); ?>> <?php echo esc_html( $label ); ?></label><br>
						<?php endforeach; ?>
					</td>
				</tr>
			</table>
			<?php submit_button(); ?>
		</form>
	</div>
	<?php
}

/** What an editor should know: whether the service answers, lets this site’s pages vote, and took the last description. */
function reader_reactions_state(): array {
	if ( ! reader_reactions_is_set_up() ) {
		return array( __( 'Give the address of the service and the key of the site; then rows appear.', 'reader-reactions' ) );
	}
	$origin  = preg_replace( '~^(https?://[^/]+).*$~', '$1', home_url() );
	$address = reader_reactions_setting( 'service' ) . '/v1/sites/' . reader_reactions_setting( 'site' ) . '/vote';
	$answer  = wp_remote_request(
		$address,
		array(
			'method'  => 'OPTIONS',
			'timeout' => 3,
			'headers' => array(
				'Origin'                        => $origin,
				'Access-Control-Request-Method' => 'PUT',
			),
		)
	);
	$lines   = array();
	if ( is_wp_error( $answer ) ) {
		$lines[] = __( 'The service does not answer. Readers see no rows until it does.', 'reader-reactions' );
	} elseif ( 404 === wp_remote_retrieve_response_code( $answer ) ) {
		$lines[] = __( 'The service has no site with this key.', 'reader-reactions' );
	} elseif ( wp_remote_retrieve_header( $answer, 'access-control-allow-origin' ) !== $origin ) {
		/* translators: %s: an origin, as in https://www.example.org */
		$lines[] = sprintf( __( 'The service does not let pages of %s vote. Its operator adds that origin to the site.', 'reader-reactions' ), $origin );
	} else {
		$lines[] = __( 'The service answers, and pages of this site may vote.', 'reader-reactions' );
	}
	$fault = get_option( READER_REACTIONS_FAULT, '' );
	if ( '' !== $fault ) {
		/* translators: %s: what the service said */
		$lines[] = sprintf( __( 'The last post could not be described: %s', 'reader-reactions' ), $fault );
	}
	return $lines;
}

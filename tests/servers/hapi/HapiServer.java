import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.api.IDaoRegistry;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binstore.DatabaseBinaryContentStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HibernatePropertiesProvider;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.r5.JpaR5Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.config.util.ResourceCountCacheUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.search.IStaleSearchDeletingSvc;
import ca.uhn.fhir.jpa.search.StaleSearchDeletingSvcImpl;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.util.ResourceCountCache;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.IResourceSupportedSvc;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import jakarta.persistence.EntityManagerFactory;
import java.net.InetSocketAddress;
import java.util.Properties;
import javax.sql.DataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.h2.jdbcx.JdbcConnectionPool;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;

/**
 * HAPI FHIR JPA on H2 in memory: the libraries behind the best known public sandbox, with nothing of ours between.
 * Two arguments: the port on 127.0.0.1 (0: a free one), and the version of FHIR, "r4" or "r5". Says "ready PORT" on
 * standard output, and ends when standard input does.
 */
public class HapiServer {

	public static void main(String[] args) throws Exception {
		var context = new AnnotationConfigApplicationContext();
		context.setAllowCircularReferences(true);
		context.register(Parts.class, args[1].equals("r5") ? JpaR5Config.class : JpaR4Config.class);
		context.refresh();
		RestfulServer fhir = restful(context);
		Server server = new Server(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
		ServletContextHandler handler = new ServletContextHandler();
		handler.addServlet(new ServletHolder(fhir), "/fhir/*");
		server.setHandler(handler);
		server.start();
		System.out.println("ready " + server.getURI().getPort());
		System.out.flush();
		while (System.in.read() != -1) {
			// whoever started it holds the other end
		}
		Runtime.getRuntime().halt(0);
	}

	private static RestfulServer restful(AnnotationConfigApplicationContext context) {
		IFhirSystemDao<?, ?> system = context.getBean(IFhirSystemDao.class);
		RestfulServer fhir = new RestfulServer(context.getBean(FhirContext.class));
		fhir.registerProviders(context.getBean(ResourceProviderFactory.class).createProviders());
		fhir.registerProvider(context.getBean(IJpaSystemProvider.class));
		fhir.setServerConformanceProvider(new JpaCapabilityStatementProvider(
				fhir,
				system,
				context.getBean(JpaStorageSettings.class),
				context.getBean(ISearchParamRegistry.class),
				context.getBean(IValidationSupport.class)));
		fhir.setDefaultResponseEncoding(EncodingEnum.JSON);
		fhir.setPagingProvider(context.getBean(DatabaseBackedPagingProvider.class));
		return fhir;
	}

	/** What the starter project configures by default; $expunge is allowed, as on the public sandbox. */
	@Configuration
	@Import({
		JpaBatch2Config.class,
		Batch2JobsConfig.class,
		ThreadPoolFactoryConfig.class,
		SubscriptionChannelConfig.class
	})
	public static class Parts {

		@Bean
		public JpaStorageSettings jpaStorageSettings() {
			JpaStorageSettings settings = new JpaStorageSettings();
			settings.setExpungeEnabled(true);
			settings.setAllowExternalReferences(true);
			settings.setSchedulingDisabled(true);
			settings.setStatusBasedReindexingDisabled(true);
			return settings;
		}

		@Bean
		public PartitionSettings partitionSettings() {
			return new PartitionSettings();
		}

		@Bean
		public SubscriptionSettings subscriptionSettings() {
			return new SubscriptionSettings();
		}

		@Bean
		public DataSource dataSource() {
			return JdbcConnectionPool.create("jdbc:h2:mem:fhir;DB_CLOSE_DELAY=-1", "sa", "");
		}

		@Primary
		@Bean
		public LocalContainerEntityManagerFactoryBean entityManagerFactory(
				DataSource source, ConfigurableListableBeanFactory beans, FhirContext fhir, JpaStorageSettings settings) {
			LocalContainerEntityManagerFactoryBean factory =
					HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, fhir, settings);
			factory.setPersistenceUnitName("HAPI_PU");
			factory.setDataSource(source);
			Properties properties = new Properties();
			properties.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
			properties.put("hibernate.hbm2ddl.auto", "create");
			properties.put("hibernate.search.enabled", "false");
			factory.setJpaProperties(properties);
			return factory;
		}

		@Primary
		@Bean
		public JpaTransactionManager transactionManager(EntityManagerFactory factory) {
			return new JpaTransactionManager(factory);
		}

		@Primary
		@Bean
		public HibernatePropertiesProvider hibernateProperties(LocalContainerEntityManagerFactoryBean factory) {
			return new HibernatePropertiesProvider();
		}

		@Bean
		public IStaleSearchDeletingSvc staleSearches() {
			return new StaleSearchDeletingSvcImpl();
		}

		@Bean
		public DatabaseBackedPagingProvider paging() {
			DatabaseBackedPagingProvider paging = new DatabaseBackedPagingProvider();
			paging.setDefaultPageSize(20);
			paging.setMaximumPageSize(200);
			return paging;
		}

		@Bean
		public IResourceSupportedSvc supported(IDaoRegistry registry) {
			return new DaoRegistryResourceSupportedSvc(registry);
		}

		@Bean(name = "myResourceCountsCache")
		public ResourceCountCache resourceCounts(IFhirSystemDao<?, ?> system) {
			return ResourceCountCacheUtil.newResourceCountCache(system);
		}

		@Bean
		public DatabaseBinaryContentStorageSvcImpl binaryStorage() {
			return new DatabaseBinaryContentStorageSvcImpl();
		}
	}
}
